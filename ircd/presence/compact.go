package presence

import "slices"

// track identifies a sequence of events in which a later one obsoletes earlier
// ones.
type track struct {
	userID  string
	kind    Kind   // joined stands for parted as well, online for offline
	channel string // joined only
}

func trackOf(ev *Event) track {
	switch ev.Kind {
	case Joined, Parted:
		return track{ev.User.ID, Joined, ev.Channel}
	case Online, Offline:
		return track{ev.User.ID, Online, ""}
	default:
		return track{ev.User.ID, ev.Kind, ""}
	}
}

// compact returns the events, oldest first, without those that later ones make
// irrelevant. It keeps of each user the last QUIT and nothing that it undoes, the last
// AWAY, the last real name, and the last Online or Offline. In each channel it keeps the
// first event if that is a PART, and the last, unless it is the PART of somebody who was
// not there before. Invitations are kept; typing, long over, is not. The argument is not
// modified.
func compact(events []*Event) []*Event {
	quits := make(map[string]int) // by user ID: where the last QUIT is
	for i, ev := range events {
		if ev.Kind == Quit {
			quits[ev.User.ID] = i
		}
	}
	type span struct{ first, last int }
	spans := make(map[track]span)
	obsolete := func(i int, ev *Event) bool {
		last, ok := quits[ev.User.ID]
		return ok && i < last && ev.Kind != Invited && ev.Kind != Online && ev.Kind != Offline
	}
	for i, ev := range events {
		if obsolete(i, ev) || ev.Kind == Invited || ev.Kind == Typing {
			continue
		}
		t := trackOf(ev)
		s, ok := spans[t]
		if !ok {
			s.first = i
		}
		s.last = i
		spans[t] = s
	}
	keep := func(i int, ev *Event) bool {
		switch {
		case ev.Kind == Typing || obsolete(i, ev):
			return false
		case ev.Kind == Invited:
			return true
		}
		s := spans[trackOf(ev)]
		if ev.Kind == Parted {
			return i == s.first || i == s.last && events[s.first].Kind == Parted
		}
		return i == s.last
	}
	kept := make([]*Event, 0, len(spans))
	for i, ev := range events {
		if keep(i, ev) {
			kept = append(kept, ev)
		}
	}
	return slices.Clip(kept)
}
