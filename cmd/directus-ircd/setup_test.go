package main

import (
	"cmp"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	irc "gopkg.in/irc.v4"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
	"directus-ircd/ircd/ircdtest"
)

// What the command line alone shows to be wrong is told before Directus is asked.
func TestSetupUsage(t *testing.T) {
	clearEnvironment(t)
	url := "--url=" + noDirectus(t)
	for _, test := range []struct{ flag, want string }{
		{"--collection=a-b", `"a-b" is not a name for a collection or field`},
		{"--collection=directus_users", `"directus_users" is a collection of Directus itself: choose another name`},
		{"--text-field=user_created", `two fields of the collection have the name "user_created"`},
		{"--nick=role.name", `"role.name" is not a name`},
		{"--private-readable", "--private-readable has no effect without --private: add --private"},
		{"--replies --text-field=reply_to", `two fields of the collection have the name "reply_to"`},
		{"--attach-role=", "--attach-role names none"},
		{"--attach-user=", "--attach-user names none"},
		{"--rooms --collection=rooms", `setup uses the collection "rooms" for something else`},
		{"--rooms --text-field=room", `two fields of the collection have the name "room"`},
		{"--read-markers --collection=read_markers", `setup uses the collection "read_markers" for something else: choose another name for the messages`},
	} {
		got := runCommand(t, "", append([]string{"setup", url, "--token=x"}, strings.Fields(test.flag)...)...)
		if got.code != 2 || !strings.Contains(got.stderr, test.want) || strings.Contains(got.stderr, "listed above") || got.stdout != "" {
			t.Errorf("%s: %+v", test.flag, got)
		}
	}
	help := strings.Join(strings.Fields(runCommand(t, "", "setup", "--help").stdout), " ")
	if !strings.Contains(help, "adds fields only with --extend") || !strings.Contains(help, "never if Directus does not fill it in") {
		t.Errorf("--help: %s", help)
	}
	dir := t.TempDir()
	for _, wrong := range []string{filepath.Join(dir, "none", "config.yaml"), dir} {
		got := runCommand(t, "", "setup", url, "--token=x", "--out="+wrong)
		if got.code != 1 || !strings.HasPrefix(got.stderr, "directus-ircd: --out: ") || !strings.Contains(got.stderr, wrong) || got.stdout != "" {
			t.Errorf("--out=%s: %+v", wrong, got)
		}
	}
	if got := runCommand(t, "", "setup", url, "--token=x", "--out="+filepath.Join(dir, "config.yaml")); !strings.Contains(got.stderr, "does not answer") {
		t.Errorf("a file that can be written: %+v", got)
	}
	if left, err := os.ReadDir(dir); len(left) != 0 {
		t.Error(left, err)
	}
	got := runCommand(t, "", "setup", url, "--token=x")
	if got.code != 1 || strings.Contains(got.stderr, "listed above") {
		t.Errorf("without a Directus: %+v", got)
	}
}

// operator is on the way of setup and check.
type operator struct {
	t            *testing.T
	s            *directustest.Server
	url          string // the flag
	tellsNothing bool   // Directus tells nobody what they may do
	kevin        directustest.User
	file         string // the configuration that setup has printed, once it has
}

// The way of an operator: setup on a bare Directus, then check as a user.
func TestSetupAndCheck(t *testing.T) {
	clearEnvironment(t)
	s := directustest.Start(t, directustest.Bare())
	o := &operator{t: t, s: s, url: "--url=" + s.URL, tellsNothing: strings.HasPrefix(s.Version, "10.")}
	o.setUp()
	o.kevin = s.CreateUser("Kevin", "Lewis")
	o.lacks()
	fits := o.extends()
	s.Revoke("directus_files", "read")
	if nameless := runCommand(t, "", "check", "--config", o.file, "--token", o.kevin.StaticToken); !strings.Contains(nameless.stdout, "note     messages.file: the names of files cannot be read") {
		t.Errorf("check without the right to read files:\n%s", nameless.stdout)
	}
	checkEverything(t, s, o.kevin, fits)
	o.errs()
	s.UpdateUser(o.kevin, map[string]any{"role": nil})
	poor := runCommand(t, "", "check", "--config", o.file)
	if poor.code != 1 || !strings.Contains(poor.stdout, "MISSING  the collection messages") || strings.Count(poor.stdout, "MISSING") != 1 ||
		!strings.Contains(poor.stdout, `-> give this person the role that setup made ("IRC users"`) {
		t.Errorf("check of a user without a role: %+v", poor)
	}
}

// setUp makes what a chat needs: first in words, then with wrong credentials, then twice.
func (o *operator) setUp() {
	dry := runCommand(o.t, "", "setup", o.url, "--token="+directustest.AdminToken, "--dry-run")
	if dry.code != 0 || !strings.Contains(dry.stdout, "would create") || !strings.Contains(dry.stdout, "Nothing was changed.") {
		o.t.Errorf("dry run: %+v", dry)
	}
	var collections []struct{ Collection string }
	o.s.Do(http.MethodGet, "/collections", nil, nil, &collections)
	for _, c := range collections {
		if c.Collection == "messages" {
			o.t.Error("the dry run made the collection")
		}
	}

	wrong := runCommand(o.t, "wrong\n", "setup", o.url, "--email="+directustest.AdminEmail)
	if wrong.code != 1 || !strings.Contains(wrong.stderr, "check the credentials") {
		o.t.Errorf("wrong password: %+v", wrong)
	}
	first := runCommand(o.t, directustest.AdminPassword+"\n", "setup", o.url, "--email="+directustest.AdminEmail, "--password=-")
	if first.code != 0 || first.stderr != "" {
		o.t.Fatalf("setup: %+v", first)
	}
	again := runCommand(o.t, directustest.AdminToken, "setup", o.url, "--token-stdin")
	if again.code != 0 || strings.Contains("\n"+again.stdout, "\ncreated ") || !strings.Contains(again.stdout, "already there") || !strings.Contains(again.stdout, "\nNothing was changed.\n") {
		o.t.Errorf("second setup: %+v", again)
	}
	printed := runCommand(o.t, "", "config", o.url)
	if _, told, _ := strings.Cut(again.stdout, "The whole configuration, to be saved as config.yaml:\n\n"); printed.code != 0 || !strings.HasPrefix(told, printed.stdout) {
		o.t.Errorf("setup prints\n%s\nconfig --url\n%s", again.stdout, printed.stdout)
	}
}

// lacks checks a configuration that wants what is not there yet.
func (o *operator) lacks() {
	wish := writeConfig(o.t, "directus: {url: \""+o.s.URL+"\"}\nchannels: [{name: \"#messages\", corrections: true, soft_delete: {field: status, values: [gone]}, "+
		"topic_item: {collection: messages, id: 99, field: text}, reactions: {collection: emoji}, fields: {reply: reply_to, files: file}}]\n"+
		"private: {collection: letters}\nread_markers: {collection: read}\n")
	lacking := runCommand(o.t, "", "check", "--config", wish, "--token", o.kevin.StaticToken)
	wishes := []string{
		"MISSING  messages.reply_to is missing, or this user may not read it: ",
		"MISSING  messages.status is missing, or this user may not read it: ",
		"MISSING  messages.file is missing, or this user may not read it: ",
		"MISSING  #messages: messages has no item 99, or this user may not read it",
		"MISSING  the collection emoji is missing, or this user may not read it: ",
		"MISSING  the collection letters is missing, or this user may not read it: ",
		"MISSING  the collection read is missing, or this user may not read it: ",
	}
	if !o.tellsNothing {
		wishes = append(wishes,
			"MISSING  #messages: this user may not correct messages (update on messages.text)",
			"note     #messages: this user cannot delete messages (update on messages.status)",
			"note     #messages: this user may not change the topic (messages.text)")
	}
	for _, want := range wishes {
		if !strings.Contains(lacking.stdout, want) {
			o.t.Errorf("check lacks %q:\n%s", want, lacking.stdout)
		}
	}
}

// extends makes all there is, and checks the configuration that setup prints.
func (o *operator) extends() (fits string) {
	o.file = filepath.Join(o.t.TempDir(), "config.yaml")
	all := runCommand(o.t, "", "setup", o.url, "--token="+directustest.AdminToken, "--out="+o.file, "--replies", "--files", "--edit", "--reactions", "--read-markers", "--private", "--private-readable", "--rooms")
	if all.code != 0 || all.stderr != "" {
		o.t.Fatalf("setup: %+v", all)
	}
	text, err := os.ReadFile(o.file)
	if err != nil || strings.Contains(all.stdout, "channels:") {
		o.t.Fatalf("%v\n%s", err, all.stdout)
	}
	fits = string(text)
	good := runCommand(o.t, o.kevin.Password, "check", "--config", o.file, "--email", o.kevin.Email+"/bot", "--password-stdin")
	if good.code != 0 || strings.Contains(good.stdout, "MISSING") {
		o.t.Errorf("check: %+v", good)
	}
	for _, want := range []string{"ok       the login is marked as a bot's", "ok       messages.irc_kind can", "ok       private_messages.irc_kind can", "ok       messages.file: the names of files can be read", "ok       private_messages.nonce is unique", "ok       messages_reactions.date_created is filled by Directus", "ok       private_messages_reactions.date_created is filled by Directus", "ok       private messages: this user may react in private_messages_reactions", "ok       rooms: messages.room leads to "} {
		if o.tellsNothing && !strings.Contains(want, "names") && !strings.Contains(want, "bot") {
			continue
		}
		if !strings.Contains(good.stdout, want) {
			o.t.Errorf("check lacks %q:\n%s", want, good.stdout)
		}
	}
	if told := strings.Contains(good.stdout, "this user can read those of everybody"); !o.tellsNothing && told != strings.HasPrefix(o.s.Version, "12.") {
		o.t.Errorf("who can read private messages:\n%s", good.stdout)
	}
	for _, secret := range []string{o.kevin.Email, o.kevin.Password} {
		if strings.Contains(good.stdout+good.stderr, secret) {
			o.t.Errorf("check prints %q", secret)
		}
	}
	return fits
}

// errs runs setup as somebody who may not, and checks what is not there.
func (o *operator) errs() {
	o.t.Setenv("DIRECTUS_TOKEN", o.kevin.StaticToken)
	noAdmin := runCommand(o.t, "", "setup", o.url)
	if noAdmin.code != 1 || !strings.Contains(noAdmin.stderr, "administrator") || strings.Contains(noAdmin.stderr, "listed above") {
		o.t.Errorf("setup without being an administrator: %+v", noAdmin)
	}
	other := writeConfig(o.t, "directus: {url: \""+o.s.URL+"\"}\n"+
		"channels: [{name: \"#a\", collection: nowhere}, {name: \"#b\", fields: {author: author}, filter: {room: {_eq: 1}}}]\n")
	got := runCommand(o.t, "", "check", "--config", other)
	if got.code != 1 {
		o.t.Errorf("check: exit status %d, want 1", got.code)
	}
	wanted := []string{
		"MISSING  the collection nowhere is missing, or this user may not read it: ",
		"MISSING  messages.author is missing, or this user may not read it: ",
		"MISSING  #b: messages cannot be read with this filter: ",
	}
	if strings.Contains(got.stdout, "write to nowhere") {
		o.t.Errorf("what follows from the missing collection is told as well:\n%s", got.stdout)
	}
	for _, want := range wanted {
		if !strings.Contains(got.stdout, want) {
			o.t.Errorf("check: got %+v, want %q", got, want)
		}
	}
}

// checkEverything runs the daemon on the configuration that setup has printed.
func checkEverything(t *testing.T, s *directustest.Server, kevin directustest.User, fits string) {
	t.Helper()
	ada := s.CreateUser("Ada", "Lovelace")
	d := startDaemon(t, fits)
	a, k := ircdtest.Dial(t, d.address), ircdtest.Dial(t, d.address)
	a.Name, k.Name = "ada", "kevin"
	a.Send("CAP REQ :server-time message-tags echo-message draft/message-redaction draft/read-marker", "CAP END")
	anick := a.LoginPass("ada", ada.StaticToken)
	k.Send("CAP REQ :message-tags draft/message-redaction", "CAP END")
	knick := k.LoginPass("kevin", kevin.StaticToken)
	for _, c := range []*ircdtest.Client{a, k} {
		c.Expect("* 366 * #messages *")
	}
	id := func(line string) string {
		t.Helper()
		m, err := irc.ParseMessage(line)
		if err != nil || m.Tags["msgid"] == "" {
			t.Fatalf("%q has no msgid: %v", line, err)
		}
		return m.Tags["msgid"]
	}
	a.Send("PRIVMSG #messages :good mourning")
	first := id(a.Expect(":" + anick + "!* PRIVMSG #messages :good mourning"))
	k.Expect(":" + anick + "!* PRIVMSG #messages :good mourning")
	k.Send("@+reply=" + first + " PRIVMSG #messages :you too")
	if answer := a.Expect(":" + knick + "!* PRIVMSG #messages :you too"); !strings.Contains(answer, "+reply="+first) {
		t.Errorf("the answer is %q", answer)
	}
	k.Send("@+reply=" + first + ";+draft/react=👍 TAGMSG #messages")
	if reaction := a.Expect(":" + knick + "!* TAGMSG #messages"); !strings.Contains(reaction, "+draft/react=👍") || !strings.Contains(reaction, "+reply="+first) {
		t.Errorf("the reaction is %q", reaction)
	}
	a.Send("PRIVMSG #messages :s/mourning/morning/")
	k.Expect(":" + anick + "!* PRIVMSG #messages :*morning*")
	k.Send("REDACT #messages " + first)
	k.Expect("*FAIL REDACT REDACT_FORBIDDEN * :Not deleted: only its author and administrators*")
	a.Send("REDACT #messages " + first)
	k.Expect(":" + anick + "!* REDACT #messages " + first + "*")
	a.Send("PRIVMSG " + knick + " :just between us")
	k.Expect(":" + anick + "!* PRIVMSG " + knick + " :just between us")
	k.Send("JOIN #Kitchen")
	k.Expect("* 366 * #kitchen *")
	a.Expect("*INVITE " + anick + " *#kitchen*")
	a.Send("JOIN #kitchen", "PRIVMSG #kitchen :tea")
	k.Expect(":" + anick + "!* PRIVMSG #kitchen :tea")
	a.Send("MARKREAD #messages timestamp=2026-01-02T03:04:05.006Z")
	a.Expect("*MARKREAD #messages timestamp=2026-01-02T03:04:05.006Z")
	if err := d.end(); err != nil {
		t.Error(err)
	}
	for collection, want := range map[string][]any{
		"messages":         {"you too", "tea"},
		"private_messages": {"just between us"},
		"read_markers":     {"#messages"},
		"rooms":            {"Kitchen"},
	} {
		var items []map[string]any
		s.Do(http.MethodGet, "/items/"+collection, nil, nil, &items)
		got := []any{}
		for _, item := range items {
			got = append(got, cmp.Or(item["text"], item["target"], item["name"]))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s holds %v", collection, items)
		}
	}
}

func TestCheckWithoutRealtime(t *testing.T) {
	clearEnvironment(t)
	s := directustest.Start(t, directustest.Env("WEBSOCKETS_ENABLED", "false"), directustest.Setup(setup.Options{}))
	kevin := s.CreateUser("Kevin", "")
	file := writeConfig(t, "directus: {url: \""+s.URL+"\"}\n")
	got := runCommand(t, "", "check", "--config", file, "--token="+kevin.StaticToken)
	if got.code != 1 || !strings.Contains(got.stdout, "MISSING  realtime is off\n         -> set WEBSOCKETS_ENABLED=true") {
		t.Errorf("check: %+v", got)
	}
	if !strings.Contains(got.stdout, "note     the configuration names no nonce for messages, which has the field nonce\n         -> add nonce: nonce under fields") {
		t.Errorf("the missing nonce is not told: %+v", got)
	}
}

func TestCheckUnreachable(t *testing.T) {
	clearEnvironment(t)
	file := writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlisten: [{address: \":0\", sts: {port: 6697}}]\n")
	got := runCommand(t, "", "check", "--config", file, "--token=x")
	if got.code != 1 || !strings.Contains(got.stdout, "MISSING  Directus does not answer") || !strings.Contains(got.stdout, "note     passwords reach :0 in clear text") ||
		!strings.Contains(got.stdout, "note     sts sends clients to port 6697, where no listener has TLS") {
		t.Errorf("check: %+v", got)
	}
}

// A primary key of another name is found, and what to configure is said, also to a
// user whom Directus does not tell.
func TestCheckPrimaryKey(t *testing.T) {
	clearEnvironment(t)
	s := directustest.Start(t, directustest.Setup(setup.Options{}))
	kevin := s.CreateUser("Kevin", "")
	field := func(name, kind string, special ...string) map[string]any {
		return map[string]any{"field": name, "type": kind, "meta": map[string]any{"special": special}, "schema": map[string]any{}}
	}
	key := field("code", "string")
	key["schema"] = map[string]any{"is_primary_key": true, "has_auto_increment": false}
	s.Do("POST", "/collections", nil, map[string]any{"collection": "codes", "meta": map[string]any{}, "schema": map[string]any{}, "fields": []any{
		key, field("user_created", "uuid", "user-created"), field("date_created", "timestamp", "date-created"), field("text", "text"),
	}}, nil)
	file := writeConfig(t, "directus: {url: \""+s.URL+"\"}\nchannels: [{name: \"#codes\", collection: codes}]\n")
	got := runCommand(t, "", "check", "--config", file, "--token", directustest.AdminToken)
	if want := "MISSING  the primary key of codes is code, not id\n         -> set fields.id to code\n"; got.code != 1 || !strings.Contains(got.stdout, want) {
		t.Errorf("check: %+v", got)
	}
	file = writeConfig(t, "directus: {url: \""+s.URL+"\"}\nchannels: [{name: \"#codes\", collection: codes, fields: {id: code}}, {name: \"#messages\"}]\n")
	got = runCommand(t, "", "check", "--config", file, "--token", directustest.AdminToken)
	if !strings.Contains(got.stdout, "ok       codes.code is the primary key") || !strings.Contains(got.stdout, "ok       messages.id is the primary key") {
		t.Errorf("check: %+v", got)
	}
	got = runCommand(t, "", "check", "--config", file, "--token", kevin.StaticToken)
	if strings.Contains(got.stdout, "the primary key of messages") {
		t.Errorf("check as a user: %+v", got)
	}
}

// A configuration is saved whole, so that the user of the service can read it, and over nothing.
func TestConfigForADirectus(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	made := runCommand(t, "", "config", "--url=https://chat.example.com", "--out="+file)
	info, err := os.Stat(file)
	if made.code != 0 || err != nil || info.Mode().Perm()&0o600 != 0o600 || !strings.Contains(made.stdout, "saved in "+file) {
		t.Fatalf("%+v, %v", made, err)
	}
	if valid := runCommand(t, "", "check", "--offline", "--config", file); valid.code != 0 {
		t.Errorf("check of it: %+v", valid)
	}
	if again := runCommand(t, "", "config", "--url=https://chat.example.com", "--out="+file); again.code != 0 || !strings.Contains(again.stdout, "holds this configuration already") {
		t.Errorf("again: %+v", again)
	}
	before, _ := os.ReadFile(file)
	other := runCommand(t, "", "config", "--out="+file)
	if after, _ := os.ReadFile(file); other.code != 1 || !strings.Contains(other.stderr, "exists and is left as it is") || string(after) != string(before) {
		t.Errorf("another one: %+v\n%s", other, after)
	}
	nowhere := runCommand(t, "", "config", "--out="+filepath.Join(file, "config.yaml"))
	if nowhere.code != 1 || !strings.Contains(nowhere.stderr, "not a directory") {
		t.Errorf("nowhere: %+v", nowhere)
	}
	if bad := runCommand(t, "", "config", "--url=chat"); bad.code != 2 || !strings.Contains(bad.stderr, "such as https://chat.example.com") {
		t.Errorf("no address: %+v", bad)
	}
}
