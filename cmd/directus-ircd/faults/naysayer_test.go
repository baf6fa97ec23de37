package faults

import (
	"net/http"
	"strings"
	"time"
)

// naysay begins the names of writers whose every message a Flow in Directus refuses, for the reason saidNo.
const (
	naysay = "naysay"
	saidNo = "nobody wants to hear that"
)

func (k key) barred() bool { return strings.HasPrefix(k.writer, naysay) }

// addFlow has Directus refuse what the naysayers write in #messages. An operation that fails refuses the item.
func (w *world) addFlow() {
	w.t.Helper()
	const flow, look, throw = "5e6f7a01-0000-4000-8000-000000000003", "5e6f7a01-0000-4000-8000-000000000004", "5e6f7a01-0000-4000-8000-000000000005"
	w.dx.Do(http.MethodPost, "/flows", nil, map[string]any{"id": flow, "name": "Refuse", "status": "active", "trigger": "event",
		"options": map[string]any{"type": "filter", "scope": []string{"items.create"}, "collections": []string{collectionOf(marked)}}}, nil)
	w.dx.Do(http.MethodPost, "/operations", nil, map[string]any{"id": throw, "flow": flow, "key": "throw", "name": "Throw", "type": "throw-error",
		"position_x": 37, "position_y": 17, "options": map[string]any{"code": "NOT_WANTED", "status": "400", "message": saidNo}}, nil)
	w.dx.Do(http.MethodPost, "/operations", nil, map[string]any{"id": look, "flow": flow, "key": "look", "name": "Look", "type": "condition",
		"position_x": 19, "position_y": 1, "reject": throw,
		"options": map[string]any{"filter": map[string]any{"$trigger": map[string]any{"payload": map[string]any{"text": map[string]any{"_nstarts_with": naysay}}}}}}, nil)
	w.dx.Do(http.MethodPatch, "/flows/"+flow, nil, map[string]any{"operation": look}, nil)
}

// judgeBarred holds what a naysayer was told against the truth: the message is not stored.
func (w *world) judgeBarred(sum *tally, l *letter, times int) {
	sum.barred++
	switch {
	case times > 0:
		w.untrue(sum, "%v was refused by a Flow, and is stored", l.key)
	case l.outcome == stored:
		w.untrue(sum, "%v was refused by a Flow, and its writer was told that it is stored", l.key)
	case l.outcome == unheard || l.outcome == refused && l.why: // as it should be
	case w.book.inFault(l.asked, l.known) || w.slowest(l.asked, l.known) > tooSlow:
	case l.outcome == perhaps:
		w.untrue(sum, "%v was refused by a Flow while nothing else was wrong, and its writer was told that it perhaps is stored", l.key)
	case l.outcome == refused:
		w.untrue(sum, "%v was refused by a Flow, and its writer was not told the reason", l.key)
	}
}

// inFault reports whether there was a fault between two moments.
func (b *book) inFault(from, to time.Time) bool {
	for _, s := range b.spans {
		if from.Before(s.to) && to.After(s.from) {
			return true
		}
	}
	return false
}
