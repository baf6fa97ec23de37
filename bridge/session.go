package bridge

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/resume"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/bell"
)

const (
	// joinPatience is how long a JOIN waits for the backlog. After that the client joins
	// without it, and the backlog follows when it can be read.
	joinPatience = 3 * time.Second
	// duePatience is how long the reading of a backlog that follows a JOIN may take.
	duePatience = 8 * time.Second
	// backlogRetry is the pause between two attempts to read a backlog.
	backlogRetry = 5 * time.Second
	// lookupPause is how long nicks are looked up only in memory after Directus failed to
	// answer a search in time. Otherwise a client that keeps writing to somebody while
	// Directus is frozen would wait for each line.
	lookupPause = 5 * time.Second
)

// session implements ircd.Session: one IRC connection's view of the chat. All fields belong
// to that connection, except wake, mail and stirred, which any goroutine may use.
type session struct {
	backend     *Backend
	member      *member
	plan        *plan             // the configuration that the session has adopted; see follow
	started     *ircd.JoinOptions // nil before Start
	begun       time.Time         // when it was made
	person      people.Person
	nick        *people.Claim
	wake        atomic.Pointer[bell.Pull]
	joined      map[string]*joined // by folded channel name; see setJoined
	inOrder     []*joined          // of their names; immutable, replaced by setJoined
	rooms       roomView
	views       []*view   // one for each feed that the session reads
	nextLook    time.Time // when to look for better feeds; see regroup
	outage      bool      // the client was told of an outage outside of any channel
	nextBacklog time.Time
	hasty       time.Time         // until then JOINs do not wait for backlogs, as the last one timed out
	unheard     time.Time         // until then Lookup does not ask Directus: see lookupPause
	mail        mailbox           // states that changed elsewhere; has its own lock
	device      device            // what the client calls itself in its login
	visits      map[string]*visit // by visit.key
	pageEnds    map[*collection.Channel]*pageEnd
	unacked     bool        // something was shown since the last AskReceipt
	retry       *time.Timer // rings at nextBacklog; nil until needed
	// stirred says that something but entries of feeds may have changed since the last Poll, which
	// has found that all is well until calm, as long as nothing does.
	stirred atomic.Bool
	calm    time.Time
	latest  []ircd.Event // what News has returned last
}

// joined is a channel that the client is in, or was removed from for a while (out). The
// private messages are one too, under privateName.
type joined struct {
	*collection.Channel
	place string // under which it is in session.joined
	// as is the name that the client was told, of a room; empty: that of the channel.
	as    string
	topic string // that the client was told, of a room
	view  *view
	due   bool // the backlog is still to be shown
	bot   bool // see ircd.JoinOptions
	// since is the moment of the JOIN while the backlog is due: the backlog includes all
	// rows dated from then on, even beyond its usual length. Otherwise it is not set.
	since feed.JoinMoment
	told  trouble
	// out says that the client was removed from the channel because the user may not read
	// it, and called that it was told to join again; see exile.
	out, called bool
	nextCall    time.Time       // the client is not called back before
	less        feed.RetryPause // before the next try of groups that need fewer rights; see readOtherwise
	better      feed.RetryPause // before the next try of groups that the plan prefers; see regroup
	present     bool            // the user counts as present in the channel; see setPresent

	// The entries of the feed that the backlog has shown already are left out, by three
	// rules: rows in shown, until the feed has read the collection after shownAt, when the
	// backlog had been read; entries before the position floorPos; and rows that the feed
	// finds by reading and that lie at or before floor, the oldest row of a full backlog,
	// which was read at floorAt. The digests in shown are of texts, so that a later edit is
	// still shown.
	shown    map[string]collection.Digest
	shownAt  time.Time
	floor    *collection.Row
	floorAt  time.Time
	floorPos int64

	// arrived is the place of the latest row when the client joined: see latecomers in
	// package collection.
	arrived int64

	// A client that fetches history by itself (fetches) is shown each message once, live or
	// by a page. early are the ids shown live although dated before at, the moment of the
	// JOIN: pages leave them out. ahead are the ids that a page has shown before the feed:
	// they are not shown live. brought is the newest row that the feed has brought; see
	// noteOvertakes.
	fetches bool
	brought brought
	at      time.Time
	early   map[string]struct{}
	ahead   map[string]struct{}

	// live are the ids shown while the backlog is due, which leaves them out.
	live map[string]struct{}
	// move is the change to another feed that is under way; nil if there is none.
	move *move
	// had is what a client without a device was shown of the channel before its feed
	// stopped, so that the backlog that is due begins there. It is empty if nothing is known.
	had resume.Position
	// visit is what the client's device knows of the channel; nil without a device.
	// received reports whether the client had a row before the backlog; it is valid as long
	// as shown, and nil if it had none.
	visit    *visit
	received func(collection.Row) bool
}

// Name is what the client knows the channel by.
func (j *joined) Name() string { return cmp.Or(j.as, j.Channel.Name()) }

var _ interface {
	ircd.Session
	ircd.Newscaster
	ircd.DeviceSession
	ircd.Reactor
	ircd.TopicSetter
	ircd.RoomKeeper
	ircd.ChannelDater
	ircd.HistoryReader
	ircd.MarkerKeeper
} = (*session)(nil)

func newSession(b *Backend, who people.Person, from device) *session {
	s := &session{
		backend: b, begun: time.Now(), person: who, device: from,
		joined: map[string]*joined{},
	}
	s.wake.Store(&bell.Pull{Bell: bell.New()})
	return s
}

// setJoined puts j into joined, or takes out what is there if j is nil.
func (s *session) setJoined(name string, j *joined) {
	at, there := slices.BinarySearchFunc(s.inOrder, name, func(o *joined, name string) int { return strings.Compare(o.place, name) })
	before, behind := s.inOrder[:at], s.inOrder[at:]
	if there {
		behind = behind[1:]
	}
	if j == nil {
		delete(s.joined, name)
		s.inOrder = slices.Concat(before, behind)
		return
	}
	j.place, s.joined[name] = name, j
	s.inOrder = slices.Concat(before, []*joined{j}, behind)
}

// anyJoined reports whether something holds of any channel, or of the private messages.
func (s *session) anyJoined(holds func(*joined) bool) bool {
	for _, j := range s.inOrder {
		if holds(j) {
			return true
		}
	}
	return false
}

// ring makes the session's Wake channel readable. It may be called from any goroutine.
func (s *session) ring() { s.wakeFor(false) }

// wakeFor is ring; if it is for entries of a feed alone, News may do.
func (s *session) wakeFor(news bool) {
	if !news {
		s.stirred.Store(true)
	}
	s.wake.Load().Ring()
}

func (s *session) WakeBy(p *bell.Pull) {
	s.wake.Store(p)
	p.Ring() // it may have rung already
}

func (s *session) User() ircd.User                   { return s.backend.people.Current(s.nick) }
func (s *session) Bot() bool                         { return s.device.bot }
func (s *session) Device() string                    { return s.device.name }
func (s *session) Knows(id string) ircd.Acquaintance { return s.member.names.Knows(id) }

// errMayNotRead stands for the refusal that Directus would give, by the known permissions.
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

func (s *session) Send(ctx context.Context, m ircd.Outgoing) (*ircd.Message, error) {
	to, err := s.address(ctx, m.Target)
	if err != nil {
		return nil, unaddressed(m.Target, err)
	}
	if c, ok := text.ParseSubstitution(m.Text); ok && to.Corrections && m.Kind == ircd.Privmsg {
		return s.correct(ctx, to, c)
	}
	j, out := to.joined, outgoing{target: to.name, notice: m.Kind == ircd.Notice}
	if to.user != nil {
		out.recipient = to.user.ID
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
		// The feed has not brought any of these: the channel's filter leaves them out.
		clear(j.view.sent)
	}
	r = s.timeSent(ctx, r, j)
	j.view.sent[sentItem{j.Channel, r.ID}] = r.ShownAt()
	s.own(j, r, m.Echo)
	sent := people.ToMessage(r, j.Channel, s.parties(ctx, to, r), false)
	sent.Target = j.Name()
	return sent, nil
}

// rankTimeout is how long a sender waits for the exact display time of a message that is
// stored already.
const rankTimeout = time.Second

// timeSent sets the display time of a row that Directus has just stored. If dates have no
// fractions of a second, the time depends on the rows in front of it in the same second.
// Directus is asked for them, as their events may still be on their way.
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

// Close implements ircd.Session. It defers every part, so that a panic in one does not keep
// the others from running.
func (s *session) Close(ctx context.Context) (err error) {
	defer func() { err = s.backend.leave(ctx, s) }()
	for _, v := range s.visits {
		defer s.backend.positions.Release(v.key)
	}
	s.visits = nil
	for _, j := range s.inOrder {
		defer s.drop(j)
	}
	if s.retry != nil {
		s.retry.Stop()
	}
	return nil
}
