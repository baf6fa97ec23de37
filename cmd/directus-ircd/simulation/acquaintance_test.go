package simulation

import (
	"strings"
	"time"
)

// anonymous is how nicks begin of people whose names may not be read.
const anonymous = "user-"

// judgeAcquaintance: who may not read names, and shares no channel with the author of a message, is not told who that is.
func (w *world) judgeAcquaintance(c *client) {
	for _, s := range c.sights {
		author := w.book.author(s.token.n)
		if author < 0 || author == c.spec.person || s.channel == "" || s.edit || !w.isStranger(c.spec.person, author, s.at) {
			continue
		}
		w.verdict["nobody is named to strangers"]++
		if !strings.HasPrefix(s.nick, anonymous) {
			w.fail("named: %s may not know who person %d is, and was shown %v by %s at %.3f", c.name, author, s.token, s.nick, w.since(s.at))
		}
	}
}

// isStranger reports whether a person could not know another for a while before a moment.
func (w *world) isStranger(person, other int, at time.Time) bool {
	from := at.Add(-2 * lag) // a name is kept as long as rights are, which may have been checked just before
	for _, r := range w.chronicle.during(person, from, at) {
		if !r.nameless {
			return false
		}
	}
	for _, a := range w.clients {
		for _, b := range w.clients {
			if a.spec.person == person && b.spec.person == other && meet(a, b, from, at) {
				return false
			}
		}
	}
	return true
}

// meet reports whether two clients were in a channel at the same time, within a time.
func meet(a, b *client, from, to time.Time) bool {
	for _, v := range a.visits {
		for _, o := range b.visits {
			begin, end := from, to
			for _, visit := range []visit{v, o} {
				if visit.begin.After(begin) {
					begin = visit.begin
				}
				if !visit.end.IsZero() && visit.end.Before(end) {
					end = visit.end
				}
			}
			if v.channel == o.channel && !begin.After(end) {
				return true
			}
		}
	}
	return false
}
