package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	irc "gopkg.in/irc.v4"
)

// A subject is a message that somebody else changes, and deletes. Directus does not say who did, so nobody is named but
// the service, and what was deleted is not told again. Subjects are in the quiet channel: of a busy one the daemon does
// not remember what was said some seconds ago.
const (
	subjectFirst  = "subject-%d as it was"
	subjectSecond = "subject-%d as " + changed
	// changed is what is shown of a change at least.
	changed = "nobody wanted it"
	// subjectAuthor is the first name of who wrote them all.
	subjectAuthor = "Victor"
)

var (
	subjectPattern = regexp.MustCompile(`subject-(\d+)`)
	// oldPattern is how the backlog begins for a client without server-time.
	oldPattern = regexp.MustCompile(`^\[[-\d ]*\d\d:\d\d\] `)
)

// subject is what readers were shown of one. Guarded by the book's mu.
type subject struct {
	first   map[*reader]*connection // who was shown it as it was
	edited  map[*reader]bool
	deleted map[*reader]bool
}

// change has subjects written, changed and deleted, each once the readers have been shown what was before. One is enough
// for a short run, as every reader is to be told of it.
func change(ctx context.Context, w *world) {
	most := 1
	if *length > 0 {
		most = 3
	}
	for range most {
		n, s := 0, &subject{map[*reader]*connection{}, map[*reader]bool{}, map[*reader]bool{}}
		w.book.do(func() {
			w.book.subjects = append(w.book.subjects, s)
			n = len(w.book.subjects) - 1
		})
		id := w.addSubject(ctx, fmt.Sprintf(subjectFirst, n))
		pause(ctx, healthy/2)
		w.dx.Do(http.MethodPatch, "/items/quiet/"+id, nil, map[string]any{"text": fmt.Sprintf(subjectSecond, n)}, nil)
		w.expect(ctx, s, "the change", func(r *reader) bool { return s.edited[r] }, editTold)
		w.dx.Do(http.MethodDelete, "/items/quiet/"+id, nil, nil, nil)
		w.expect(ctx, s, "the deletion", func(r *reader) bool { return s.deleted[r] }, deletionTold)
	}
}

// addSubject stores one and returns its key.
func (w *world) addSubject(ctx context.Context, text string) string {
	var item struct {
		ID json.Number `json:"id"`
	}
	if err := w.dx.Account(w.victor).Do(ctx, http.MethodPost, "/items/quiet", nil, map[string]any{"text": text}, &item); err != nil {
		w.fail("write a message to be changed: %v", err)
	}
	return item.ID.String()
}

// expect waits until all who were shown a subject, and are connected since, are told what became of it.
func (w *world) expect(ctx context.Context, s *subject, what string, told func(*reader) bool, o ordeal) {
	var lacking []string
	all := func() bool {
		lacking = nil
		for r, c := range s.first {
			if !told(r) && r.connected() == c {
				lacking = append(lacking, r.name)
			}
		}
		return len(lacking) == 0
	}
	if !w.book.await(ctx, w.patience(), all) && ctx.Err() == nil {
		w.fail("%s of a message by somebody else was not shown to %v", what, lacking)
	}
	w.book.do(func() {
		for r := range s.first {
			if told(r) {
				w.book.ordeals[o]++
			}
		}
	})
}

// noteSubject looks at a line for what it says of subjects.
func (r *reader) noteSubject(c *connection, m *irc.Message) {
	text, nick := m.Trailing(), ""
	if m.Prefix != nil {
		nick = m.Prefix.Name
	}
	found := subjectPattern.FindStringSubmatch(text)
	deletion := m.Command == "NOTICE" && strings.Contains(text, " deleted")
	switch {
	case deletion && found != nil:
		r.world.blameNow("leaked: %s was told what was deleted: %v", r.name, m)
	case deletion && strings.Contains(text, subjectAuthor+" deleted"):
		r.world.blameNow("wrong author: %s was told that the author has deleted what somebody else has: %v", r.name, m)
	case deletion:
		r.world.book.do(func() {
			if subjects := r.world.book.subjects; len(subjects) > 0 {
				subjects[len(subjects)-1].deleted[r] = true
			}
		})
	case m.Tags["batch"] != "" || oldPattern.MatchString(text):
	case strings.Contains(text, changed):
		if nick == subjectAuthor && r.wasShown(found) {
			r.world.blameNow("wrong author: %s was shown a change by somebody else as one by the author: %v", r.name, m)
		}
		r.world.book.do(func() { r.world.book.subjects[len(r.world.book.subjects)-1].edited[r] = true })
	case found != nil:
		n, _ := strconv.Atoi(found[1])
		r.world.book.do(func() { r.world.book.subjects[n].first[r] = c })
	}
}

// wasShown reports whether the reader was shown a subject as it was, by what subjectPattern has found in a line. Who was not, as
// Directus was slow, is shown the message for the first time, and nobody can see that it is not what the author has written.
func (r *reader) wasShown(found []string) (shown bool) {
	if found == nil {
		return true // a part of a change, which names no subject
	}
	n, err := strconv.Atoi(found[1])
	r.world.book.do(func() { shown = err == nil && r.world.book.subjects[n].first[r] != nil })
	return shown
}
