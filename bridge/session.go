package bridge

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/resume"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

const (
	// joinPatience is how long a JOIN waits for the backlog before it goes
	// ahead without; the backlog then follows.
	joinPatience = 3 * time.Second
	// duePatience is how long such a backlog may take.
	duePatience = 8 * time.Second
	// backlogRetry is the pause before a backlog that could not be read is
	// tried again.
	backlogRetry = 5 * time.Second
	// lookupPause is how long, after a search for a nick that Directus did not answer in
	// time, nicks are found by what is known of them or not at all: one who writes to
	// somebody, or invites, again and again while Directus is frozen does not wait for each.
	lookupPause = 5 * time.Second
)

// session implements ircd.Session: one IRC connection's view of the chat. All
// its fields belong to that connection's goroutine, but for wake.
type session struct {
	backend     *Backend
	member      *member
	plan        *plan             // the configuration that it goes by; see follow
	started     *ircd.JoinOptions // nil before Start
	person      people.Person
	nick        *people.Claim
	wake        chan struct{}
	joined      map[string]*joined // by folded channel name
	views       []*view            // one for each feed that it reads
	nextLook    time.Time          // for feeds that suit better; see regroup
	outage      bool               // the client was told of an outage outside of any channel
	nextBacklog time.Time
	hasty       time.Time         // until then JOINs do not wait: the last did in vain
	unheard     time.Time         // until then Lookup does not wait: see lookupPause
	mail        mailbox           // has a lock of its own
	device      string            // as the client has named it; empty: it has none
	visits      map[string]*visit // by key
	pageEnds    map[*collection.Channel]*pageEnd
	unacked     bool        // something was shown since the client was asked for a receipt
	retry       *time.Timer // at nextBacklog: rings for a backlog that is due; nil until needed
}

// joined is a channel that the client is in.
type joined struct {
	*collection.Channel
	view *view
	due  bool // the backlog could not be read yet
	// since is the moment of the JOIN as long as its backlog is due: all that is dated from
	// then on is in that, however much it is.
	since feed.JoinMoment
	told  trouble
	// out says that the client is not in the channel, as the user may not read it, and
	// called that it is to come back; see exile.
	out, called bool
	nextCall    time.Time       // it is not called before
	less        feed.RetryPause // for another group, while it may not be read as a part of this one
	better      feed.RetryPause // for a group that the plan prefers to this one; see regroup
	present     bool            // others in the channel know; see company
	// What the backlog has shown, to be left out of the feed: these ids (with
	// the texts, as edits of them may be on their way) until the feed has read
	// the collection once more since shownAt, when the backlog had been read; what the
	// feed had brought before floorPos; and
	// what it reads of the time before the oldest of a full backlog, as that was at floorAt.
	shown    map[string]collection.Digest
	shownAt  time.Time
	floor    *collection.Row
	floorAt  time.Time
	floorPos int64
	// come is the place of the latest row when the client came, see latecomers.
	come int64
	// fetches says that the client fetches history by itself. What it is shown live
	// and by a page of history, it is shown once: early are the ids shown live though
	// dated before at, the moment of the JOIN, to be left out of pages, and ahead those
	// that a page has shown before the feed, to be left out of that. brought is the place of
	// the newest that the feed has brought: see overtakes.
	fetches bool
	brought brought
	at      time.Time
	early   map[string]struct{}
	ahead   map[string]struct{}
	// live are the ids shown while the backlog is due, to be left out of it.
	live map[string]struct{}
	// move is under way while the channel is configured otherwise; else nil.
	move *move
	// had is what the client was shown before it was taken out of a channel that was
	// configured otherwise since, for as long as the backlog is due; else nothing is known.
	had resume.Position
	// visit is nil where the client has no device; received tells what that one
	// had when it came, for as long as shown counts. Nil: nothing.
	visit    *visit
	received func(collection.Row) bool
}

var _ interface {
	ircd.Session
	ircd.Reactor
	ircd.TopicSetter
	ircd.HistoryReader
	ircd.MarkerKeeper
} = (*session)(nil)

func newSession(b *Backend, who people.Person, device string) *session {
	return &session{
		backend: b, person: who, device: device, wake: make(chan struct{}, 1),
		joined: map[string]*joined{},
	}
}

// ring may be called from any goroutine.
func (s *session) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *session) User() ircd.User       { return s.backend.people.Current(s.nick) }
func (s *session) Wake() <-chan struct{} { return s.wake }

// Knows implements ircd.Session.
func (s *session) Knows(id string) ircd.Acquaintance { return s.member.names.Knows(id) }

// errMayNotRead is a refusal that Directus gave before.
var errMayNotRead = &directus.Error{Status: http.StatusForbidden, Code: directus.CodeForbidden, Message: "the user's permissions have no read"}

func (s *session) Lookup(ctx context.Context, nick string) (*ircd.User, error) {
	patience := joinPatience
	if time.Now().Before(s.unheard) {
		patience = 0
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	u, err := s.member.names.Search(ctx, nick)
	if errors.Is(err, people.ErrManySearches) {
		return nil, manySearches()
	}
	if patience > 0 && err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		s.unheard = time.Now().Add(lookupPause)
	}
	if errors.Is(err, directus.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return nil, tryAgain(err)
	}
	return u, err
}

// Send implements ircd.Session.
func (s *session) Send(ctx context.Context, m ircd.Outgoing) (*ircd.Message, error) {
	to, err := s.address(ctx, m.Target)
	if err != nil {
		return nil, unaddressed(m.Target, err)
	}
	if c, ok := text.ParseSubstitution(m.Text); ok && to.Corrections && m.Kind == ircd.Privmsg {
		return s.correct(ctx, to, c)
	}
	j, out := to.joined, letter{target: to.name}
	users := map[string]ircd.User{s.person.ID: s.User()}
	if to.user != nil {
		out.recipient, users[to.user.ID] = to.user.ID, *to.user
	}
	m.Text = s.mentioning(ctx, j.Channel, m.Text)
	out.text = j.Channel.Format.Store(m)
	if strings.TrimSpace(out.text) == "" {
		return nil, cannotSend(out.target, "Not sent: nothing is left of the text without its formatting", nil)
	}
	if out.reply, err = s.answering(ctx, to, m.ReplyTo); err != nil {
		return nil, err
	}
	r, err := s.member.send(ctx, j.Channel, j.view.feed, out)
	if err != nil {
		return nil, err
	}
	if !j.Channel.Covers(r) {
		return nil, invisible(to.name)
	}
	if len(j.view.sent) >= feed.MaxBehind {
		// These never came back: rows that the channel's own filter leaves out.
		clear(j.view.sent)
	}
	r = s.timeSent(ctx, r, j)
	j.view.sent[sentItem{j.Channel, r.ID}] = r.ShownAt()
	s.own(j, r, m.Echo)
	return people.ToMessage(r, j.Channel, s.answered(ctx, to, r, users), false), nil
}

// rankTimeout is how long a sender waits for the exact time of a message that is
// stored already.
const rankTimeout = time.Second

// timeSent sets the time under which a row that Directus has just stored is
// shown. Where dates come in whole seconds Directus is asked for the rows in front
// of it: their events may still be on their way.
func (s *session) timeSent(ctx context.Context, r collection.Row, j *joined) collection.Row {
	f := j.view.feed
	r = f.TimeOf(r, j.Channel)
	if f.Group.Dates.HaveFractions() || r.RawDate == "" {
		return r
	}
	h := s.historyOf(j.Channel)
	h.group = h.groups[0]
	if j.Private {
		h.filter = h.group.Between(r.Author, r.Recipient)
	}
	ctx, cancel := context.WithTimeout(ctx, rankTimeout)
	defer cancel()
	if rank, err := h.inFront(ctx, r); err == nil {
		r.At = collection.DisplayTime(r.Date, rank)
	}
	return r
}

// Close implements ircd.Session. A panic in one part of it keeps no other from being
// done.
func (s *session) Close(ctx context.Context) (err error) {
	defer func() { err = s.backend.leave(ctx, s) }()
	defer s.closeVisits()
	for _, j := range s.joined {
		defer s.drop(j)
	}
	if s.retry != nil {
		s.retry.Stop()
	}
	return nil
}
