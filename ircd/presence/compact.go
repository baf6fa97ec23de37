package presence

import (
	"slices"

	"directus-ircd/ircd/wire"
)

// presenceTrack names events of which a later one makes an earlier one obsolete.
type presenceTrack struct {
	userID  string
	kind    Kind   // joined stands for parted as well, online for offline
	channel string // folded; joined only
}

func trackOf(ev *Event) presenceTrack {
	switch ev.Kind {
	case Joined, Parted:
		return presenceTrack{ev.User.ID, Joined, wire.Fold(ev.Channel)}
	case Online, Offline:
		return presenceTrack{ev.User.ID, Online, ""}
	default:
		return presenceTrack{ev.User.ID, ev.Kind, ""}
	}
}

// compact leaves out the events, oldest first, that change nothing for a client
// that is shown all that follow. Of each user remain the last QUIT and nothing that
// it undoes, the last AWAY, the last real name and the last word for those who wait
// for the nick; in each channel, the first event if it is a PART, and the last one,
// but no PART of somebody who was not there before. Invitations remain. Typing, long
// over, does not. The slice is left as it is.
func compact(events []*Event) []*Event {
	quits := make(map[string]int) // by user ID: where the last QUIT is
	for i, ev := range events {
		if ev.Kind == Quit {
			quits[ev.User.ID] = i
		}
	}
	type span struct{ first, last int }
	spans := make(map[presenceTrack]span)
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
