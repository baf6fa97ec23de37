package setup_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

// everything is all that can be asked for.
var everything = setup.Options{
	Replies: true, Files: true, Edit: true, Reactions: true, ReadMarkers: true, Private: true, PrivateReadable: true,
}

// The optional pieces, from an empty Directus: a dry run foretells them, a second run finds them, and they serve.
func TestOptional(t *testing.T) {
	t.Parallel()
	d := directustest.Start(t, directustest.Bare())
	licensed := !strings.HasPrefix(d.Version, "12.")
	if !licensed {
		checkPrivateIsLeftOut(t, d)
	}

	dry := everything
	dry.DryRun = true
	planned := run(t, d.Admin(), dry)
	made := run(t, d.Admin(), everything)
	// A collection that is not there yet cannot be asked for its fields: the plan is the same all the same.
	if got, want := lines(made), strings.Split(strings.ReplaceAll(strings.Join(lines(planned), "\n"), "would create", "created"), "\n"); !slices.Equal(got, want) {
		t.Errorf("made\n%s\nplanned\n%s", made, planned)
	}
	for i, s := range made.Steps {
		if s.Detail != planned.Steps[i].Detail {
			t.Errorf("the dry run said %q, the run %q", planned.Steps[i], s)
		}
	}
	all(t, run(t, d.Admin(), everything), setup.Present)
	const want = `directus:
  url: https://chat.example.com
channels:
  - name: '#messages'
    collection: messages
    fields: {text: text, author: user_created, date: date_created, nonce: nonce, kind: irc_kind, reply: reply_to, files: file}
    corrections: true
    reactions: {collection: messages_reactions}
private:
  collection: private_messages
  kind: irc_kind
  reactions: {collection: private_messages_reactions}
read_markers:
  collection: read_markers
`
	if got := keys(made.Config(site)); got != want {
		t.Errorf("configuration:\n%s\nwant\n%s", got, want)
	}
	for _, could := range []string{"change and delete the messages of everybody", "read all private messages", "read the reactions to all private messages", "remove the reactions of everybody"} {
		if told := strings.Contains(made.String(), could); told == licensed {
			t.Errorf("on Directus %s, that everybody may %s, is told: %v", d.Version, could, told)
		}
	}
	for i, note := range made.Notes {
		if slices.Contains(made.Notes[:i], note) {
			t.Errorf("told twice: %s", note)
		}
	}
	ada, kevin, eve := d.CreateUser("Ada", ""), d.CreateUser("Kevin", ""), d.CreateUser("Eve", "")
	checkMessages(t, d, ada, eve, licensed)
	checkPrivate(t, d, ada, kevin, eve, licensed)
	checkMarkers(t, d, ada, eve, licensed)
	checkPublic(t, d)
}

// checkPrivateIsLeftOut: nobody's letters are laid open unless the operator says so.
func checkPrivateIsLeftOut(t *testing.T, d *directustest.Server) {
	t.Helper()
	for _, dry := range []bool{true, false} {
		report := run(t, d.Admin(), setup.Options{Private: true, DryRun: dry})
		last := report.Steps[len(report.Steps)-1]
		if last.Status != setup.Differs || !strings.Contains(last.String(), "--private-readable") || report.Complete() || !report.Usable() || strings.Contains(report.Config(site), "private") {
			t.Errorf("dry %v: %s", dry, report)
		}
	}
	if err := d.Admin().Do(t.Context(), http.MethodGet, "/collections/private_messages", nil, nil, nil); !directus.IsCode(err, directus.CodeForbidden) {
		t.Errorf("the collection was made: %v", err)
	}
}

// add stores an item and returns its key.
func add(t *testing.T, account *directus.Account, collection string, item object) string {
	t.Helper()
	var stored struct {
		ID json.Number `json:"id"`
	}
	if err := account.Do(t.Context(), http.MethodPost, "/items/"+collection, nil, item, &stored); err != nil {
		t.Fatalf("add to %s: %v", collection, err)
	}
	return stored.ID.String()
}

// refused expects an account to be refused, or not.
func refused(t *testing.T, account *directus.Account, want bool, method, path string, body any) {
	t.Helper()
	err := account.Do(t.Context(), method, path, nil, body, nil)
	if want && !directus.IsCode(err, directus.CodeForbidden) || !want && err != nil {
		t.Errorf("%s %s: got %v, refused should be %v", method, path, err, want)
	}
}

func count(t *testing.T, account *directus.Account, collection string) int {
	t.Helper()
	var items []object
	if err := account.Do(t.Context(), http.MethodGet, "/items/"+collection, nil, nil, &items); err != nil {
		t.Fatalf("read %s: %v", collection, err)
	}
	return len(items)
}

func checkMessages(t *testing.T, d *directustest.Server, ada, eve directustest.User, licensed bool) {
	t.Helper()
	a, e := d.Account(ada), d.Account(eve)
	var file struct{ ID string }
	d.Do(http.MethodPost, "/files", nil, object{"storage": "local", "filename_download": "pong.txt", "type": "text/plain"}, &file)
	first := add(t, a, "messages", object{"text": "first"})
	second := add(t, a, "messages", object{"text": "second", "reply_to": json.Number(first), "file": file.ID})
	var seen []struct {
		Text  string
		Reply struct{ Text string } `json:"reply_to"`
		File  struct {
			Name string `json:"filename_download"`
		} `json:"file"`
	}
	query := url.Values{"fields": {"text,reply_to.text,file.filename_download"}, "filter[id][_eq]": {second}}
	if err := e.Do(t.Context(), http.MethodGet, "/items/messages", query, nil, &seen); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0].Reply.Text != "first" || seen[0].File.Name != "pong.txt" {
		t.Errorf("Eve sees %+v", seen)
	}
	reaction := add(t, a, "messages_reactions", object{"message": json.Number(first), "text": "👍"})
	add(t, a, "messages_reactions", object{"message": json.Number(first), "text": "🎉"})
	refused(t, a, true, http.MethodPatch, "/items/messages_reactions/"+reaction, object{"text": "👎"})
	refused(t, e, licensed, http.MethodDelete, "/items/messages_reactions/"+reaction, nil)
	if licensed {
		refused(t, a, false, http.MethodDelete, "/items/messages_reactions/"+reaction, nil)
	}
	refused(t, a, false, http.MethodPatch, "/items/messages/"+first, object{"text": "FIRST"})
	refused(t, e, licensed, http.MethodPatch, "/items/messages/"+first, object{"text": "mine"})
	refused(t, e, licensed, http.MethodDelete, "/items/messages/"+first, nil)
	if licensed {
		refused(t, a, true, http.MethodPatch, "/items/messages/"+first, object{"reply_to": json.Number(second)})
		refused(t, a, false, http.MethodDelete, "/items/messages/"+first, nil)
	}
	// What belonged to it goes with it, what answered it stays.
	if n := count(t, a, "messages_reactions"); n != 0 {
		t.Errorf("%d reactions to a message that is gone", n)
	}
	if n := count(t, a, "messages"); n != 1 {
		t.Errorf("%d messages are left", n)
	}
}

func checkPrivate(t *testing.T, d *directustest.Server, ada, kevin, eve directustest.User, licensed bool) {
	t.Helper()
	letter := add(t, d.Account(ada), "private_messages", object{"text": "dear Kevin", "recipient": kevin.ID, "nonce": "n-1"})
	if n := count(t, d.Account(kevin), "private_messages"); n != 1 {
		t.Errorf("Kevin sees %d letters", n)
	}
	if n := count(t, d.Account(ada), "private_messages"); n != 1 {
		t.Errorf("Ada sees %d letters", n)
	}
	if n, want := count(t, d.Account(eve), "private_messages"), map[bool]int{true: 0, false: 1}[licensed]; n != want {
		t.Errorf("Eve sees %d letters, want %d on Directus %s", n, want, d.Version)
	}
	seal := add(t, d.Account(kevin), "private_messages_reactions", object{"message": json.Number(letter), "text": "👍"})
	if n := count(t, d.Account(ada), "private_messages_reactions"); n != 1 {
		t.Errorf("Ada sees %d reactions", n)
	}
	if n, want := count(t, d.Account(eve), "private_messages_reactions"), map[bool]int{true: 0, false: 1}[licensed]; n != want {
		t.Errorf("Eve sees %d reactions, want %d on Directus %s", n, want, d.Version)
	}
	refused(t, d.Account(ada), licensed, http.MethodDelete, "/items/private_messages_reactions/"+seal, nil)
	refused(t, d.Account(kevin), licensed, http.MethodPatch, "/items/private_messages/"+letter, object{"text": "dear Eve"})
	refused(t, d.Account(ada), false, http.MethodPatch, "/items/private_messages/"+letter, object{"text": "dear K."})
}

func checkMarkers(t *testing.T, d *directustest.Server, ada, eve directustest.User, licensed bool) {
	t.Helper()
	marker := add(t, d.Account(ada), "read_markers", object{"target": "#messages", "date_read": "2026-11-24T01:02:03.004Z"})
	refused(t, d.Account(ada), false, http.MethodPatch, "/items/read_markers/"+marker, object{"date_read": "2026-11-24T01:02:03.005Z"})
	refused(t, d.Account(eve), licensed, http.MethodPatch, "/items/read_markers/"+marker, object{"date_read": "2026-11-24T01:02:03.006Z"})
	if n, want := count(t, d.Account(eve), "read_markers"), map[bool]int{true: 0, false: 1}[licensed]; n != want {
		t.Errorf("Eve sees %d markers, want %d", n, want)
	}
}

// optionalCutShort adds the optional pieces to a chat: runs cut short some changes further each time add up to a whole one
// here too.
func optionalCutShort(t *testing.T, d *directustest.Server) {
	t.Helper()
	for range 20 {
		report, err := setup.Run(t.Context(), &cut{d.Admin(), 5}, everything)
		if err != nil {
			continue
		}
		all(t, run(t, d.Admin(), everything), setup.Present)
		if !report.Complete() {
			t.Errorf("in the end:\n%s", report)
		}
		return
	}
	t.Error("it never got to the end")
}

// The pieces in a Directus that has its own: nothing is overwritten, and what does not fit is named.
func TestOptionalExisting(t *testing.T) {
	d := directustest.Shared(t)
	const name = "club"
	makeCollection(t, name, nil, []object{uuidID, textAny, author, date, nonce, kind,
		{"field": "file", "type": "string", "schema": object{}}})
	makeCollection(t, name+"_reactions", nil, []object{autoID,
		{"field": "message", "type": "uuid", "schema": object{}},
		with(text255, object{"schema": object{"max_length": 10}}), with(date, object{"meta": object{}})})
	makeCollection(t, "read_markers", nil, nil)
	opts := setup.Options{Collection: name, Replies: true, Reactions: true, ReadMarkers: true}
	// Directus cannot drop a table of SQLite that refers to itself.
	t.Cleanup(func() { d.Do(http.MethodDelete, "/fields/club/reply_to", nil, nil, nil) })
	report := run(t, d.Admin(), opts)
	checkSteps(t, report, []string{
		"limited|club_reactions.text: it holds 10 characters, but 64 are needed",
		"differs|club_reactions.user_created: missing|--extend",
		"differs|club_reactions.date_created: Directus does not fill it in",
		"differs|read_markers: it is a folder",
	})
	// The relation has the kind of the other side's key.
	var stored object
	d.Do(http.MethodPost, "/items/club", nil, object{"text": "one"}, &stored)
	d.Do(http.MethodPost, "/items/club", nil, object{"text": "two", "reply_to": stored["id"]}, nil)
	d.Do(http.MethodPost, "/items/club_reactions", nil, object{"message": stored["id"], "text": "+1"}, nil)
	opts.ReadMarkers, opts.Extend = false, true
	again := run(t, d.Admin(), opts)
	if got := lines(again); !slices.Contains(got, "created field club_reactions.user_created") || !slices.Contains(got, "created relation club_reactions.user_created to directus_users") ||
		!slices.Contains(got, "already there relation club.reply_to to club") {
		t.Errorf("with --extend:\n%s", again)
	}
}

// Private messages need their nonce: the configuration names the collection once it has one.
func TestPrivateWithoutNonce(t *testing.T) {
	d := directustest.Shared(t)
	makeCollection(t, "pen_pals", nil, []object{autoID, textAny, author, date, nonce, kind})
	makeCollection(t, "private_messages", nil, []object{autoID, textAny, author, date,
		{"field": "recipient", "type": "uuid", "schema": object{}, "meta": object{"special": []string{"m2o"}}}})
	opts := setup.Options{Collection: "pen_pals", Private: true, PrivateReadable: true}
	report := run(t, d.Admin(), opts)
	checkSteps(t, report, []string{"differs|private_messages.nonce: missing|--extend", "limited|private_messages.irc_kind: missing|--extend"})
	const named = "private:\n  collection: private_messages\n  kind: irc_kind\n"
	if got := report.Config(site); strings.Contains(got, "private:") {
		t.Errorf("without a nonce:\n%s", got)
	}
	opts.Extend = true
	if got := run(t, d.Admin(), opts).Config(site); !strings.Contains(got, named) {
		t.Errorf("with --extend:\n%s", got)
	}
}
