package ircd

import (
	"context"
	"time"
)

// HistoryMode is the subcommand of CHATHISTORY that asks for a page.
type HistoryMode int

// The modes. Bounds are excluded, but for the reference of Around. Whatever the
// mode, a page is in the order of the backend, oldest first.
const (
	HistoryLatest  HistoryMode = iota // the newest, behind From if it is set
	HistoryBefore                     // the newest in front of From
	HistoryAfter                      // the oldest behind From
	HistoryBetween                    // between From and To, counted from From
	HistoryAround                     // From itself and as many on either side
)

// Position is a place in a history: a msgid, or a time to the millisecond. The
// zero Position is "*". It stays valid when the message that it names is gone.
type Position struct {
	MsgID string
	Time  time.Time
}

// HistoryQuery asks for a page.
type HistoryQuery struct {
	// Target is a channel or a nick, as the client wrote it.
	Target   string
	Mode     HistoryMode
	From, To Position
	// Limit is how many messages there may be at most; more than 0. Messages
	// that share their time with the last one are not cut off, so that a client
	// that pages by time misses none: there may be a few more. Of more than a
	// thousand that share one time, a client finds the rest by msgid only.
	Limit int
	// Reactions asks for the reactions to each message behind it; they do not
	// count.
	Reactions bool
}

// HistoryPage is the answer.
type HistoryPage struct {
	// Target is the canonical name of the channel, or the nick.
	Target string
	// Events are messages, and reactions if asked for. There are as many as asked for,
	// unless there are no more, or More brings the others: all of them, where it takes long
	// to find out which they are.
	Events []Event
	// End says that there are no more in the direction that the query counts
	// in.
	End bool
	// More reads what follows Events; nil: these are all.
	More More
}

// More reads the next part of what would take too much memory, or time, as a whole; none is
// the end. It is called, by the goroutine of the session, when the client has taken the part
// before, however long that takes. It may take long, and bounds each of its questions.
type More func(context.Context) ([]Event, error)

// HistoryTarget is a row of CHATHISTORY TARGETS.
type HistoryTarget struct {
	// Name is the canonical name of a channel, or a nick.
	Name string
	// Latest is the time of the last message.
	Latest time.Time
}
