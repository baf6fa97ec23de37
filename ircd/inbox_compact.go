package ircd

import (
	"slices"

	"directus-ircd/ircd/wire"
)

// presenceTrack names events of which a later one makes an earlier one obsolete.
type presenceTrack struct {
	userID  string
	kind    presenceKind // joined stands for parted as well, online for offline
	channel string       // folded; joined only
}

func trackOf(ev *presenceEvent) presenceTrack {
	switch ev.kind {
	case joined, parted:
		return presenceTrack{ev.user.ID, joined, wire.Fold(ev.channel)}
	case online, offline:
		return presenceTrack{ev.user.ID, online, ""}
	default:
		return presenceTrack{ev.user.ID, ev.kind, ""}
	}
}

// compact leaves out the events, oldest first, that change nothing for a client
// that is shown all that follow. Of each user remain the last QUIT and nothing that
// it undoes, the last AWAY, the last real name and the last word for those who wait
// for the nick; in each channel, the first event if it is a PART, and the last one,
// but no PART of somebody who was not there before. Invitations remain. Typing, long
// over, does not. The slice is left as it is.
func compact(events []*presenceEvent) []*presenceEvent {
	quits := make(map[string]int) // by user ID: where the last QUIT is
	for i, ev := range events {
		if ev.kind == quit {
			quits[ev.user.ID] = i
		}
	}
	type span struct{ first, last int }
	spans := make(map[presenceTrack]span)
	obsolete := func(i int, ev *presenceEvent) bool {
		last, ok := quits[ev.user.ID]
		return ok && i < last && ev.kind != invited && ev.kind != online && ev.kind != offline
	}
	for i, ev := range events {
		if obsolete(i, ev) || ev.kind == invited || ev.kind == typing {
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
	keep := func(i int, ev *presenceEvent) bool {
		switch {
		case ev.kind == typing || obsolete(i, ev):
			return false
		case ev.kind == invited:
			return true
		}
		s := spans[trackOf(ev)]
		if ev.kind == parted {
			return i == s.first || i == s.last && events[s.first].kind == parted
		}
		return i == s.last
	}
	kept := make([]*presenceEvent, 0, len(spans))
	for i, ev := range events {
		if keep(i, ev) {
			kept = append(kept, ev)
		}
	}
	return slices.Clip(kept)
}
