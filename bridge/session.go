package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/resume"
	"directus-ircd/bridge/text"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/wire"
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
	unproven    bool        // something was shown since the client was asked for a receipt
	retry       *time.Timer // at nextBacklog: rings for a backlog that is due; nil until needed
}

// view is a session's reading of one feed.
type view struct {
	feed   *feed.Feed
	reader *feed.Reader
	uses   int  // channels joined, or on their way here
	out    int  // how many of them the client is out of: it is not read then, see exile
	held   bool // not read yet: see move
	// sent holds what Send has returned and the feed still brings, with its times, and
	// changes those of other methods.
	sent    map[sentItem]time.Time
	changes map[string]struct{}
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

func (s *session) AutoJoin() []string {
	var names []string
	for _, c := range s.plan.Channels {
		if c.AutoJoin {
			names = append(names, c.Name)
		}
	}
	return names
}

func (s *session) Channels(ctx context.Context) ([]ircd.ChannelInfo, error) {
	infos := make([]ircd.ChannelInfo, 0, len(s.plan.Channels))
	for _, cfg := range s.plan.Channels {
		c := s.plan.channels[wire.Fold(cfg.Name)]
		infos = append(infos, ircd.ChannelInfo{Name: c.Name, Topic: s.member.topics.text(ctx, c)})
	}
	return infos, nil
}

func (s *session) Join(ctx context.Context, name string, opts ircd.JoinOptions) (*ircd.Channel, error) {
	c := s.plan.channels[wire.Fold(name)]
	if c == nil {
		return nil, noSuchChannel(name)
	}
	if j := s.joined[wire.Fold(c.Name)]; j != nil {
		return s.comeBack(ctx, j, opts)
	}
	var answer *ircd.Channel
	var err error
	for _, g := range s.plan.groups[c] {
		if answer, err = s.enter(ctx, c, g, opts); !collection.IsForbidden(err) {
			return answer, err
		}
	}
	return nil, unreadable(c.Name, err)
}

// enter joins a channel as a part of a group. The error is Directus' refusal, or
// that of ctx.
func (s *session) enter(ctx context.Context, c *collection.Channel, g *collection.Group, opts ircd.JoinOptions) (*ircd.Channel, error) {
	j := s.newJoined(c, g, opts)
	j.floorPos = j.view.reader.End()
	s.joined[wire.Fold(c.Name)] = j
	ready, err := s.await(ctx, j.view)
	if collection.IsForbidden(err) {
		// That is how it was when the feed looked last.
		if ready, err = true, s.readableAgain(ctx, j); err != nil {
			s.drop(j)
			return nil, err
		}
	}
	if !ready && s.member.rights.MayNotRead(g.Collection) {
		// Who is in the channel is not for the user, even for the time that the
		// first reading takes.
		s.drop(j)
		return nil, errMayNotRead
	}
	if !ready {
		j.view.promise()
	}
	answer := &ircd.Channel{Name: c.Name, Topic: s.member.topics.text(ctx, c)}
	s.member.watchTopics(c, s.backend.plan.Load().channels)
	var list []found
	if ready && j.due {
		list, err = s.joinBacklog(ctx, j, answer)
	}
	if collection.IsForbidden(err) || ctx.Err() != nil {
		s.drop(j)
		return nil, errors.Join(ctx.Err(), err)
	}
	answer.At = s.joinTime(j, list)
	if j.due {
		j.since = feed.JoinMoment{At: time.Now(), Date: answer.At}
		s.noteCome(j)
		if ready { // else nothing was tried: it is as soon as the feed is ready, in front of what that brings
			s.ringLater()
		}
	}
	j.at, j.fetches = answer.At, !opts.Backlog
	s.setPresent(j, true)
	s.ring()
	return answer, nil
}

// errMayNotRead is a refusal that Directus gave before.
var errMayNotRead = &directus.Error{Status: http.StatusForbidden, Code: directus.CodeForbidden, Message: "the user's permissions have no read"}

// newJoined is a channel of which the backlog is due, if there is to be one.
func (s *session) newJoined(c *collection.Channel, g *collection.Group, opts ircd.JoinOptions) *joined {
	j := &joined{Channel: c, view: s.open(g), visit: s.visit(c, opts), come: g.Dates.Late.SoFar()}
	j.due = opts.Backlog && (c.Backlog > 0 || j.visit != nil)
	return j
}

// await waits until the view's feed has read its collection for the first time, for
// as long as there is hope that it soon will. On the way the user may turn out to
// have lost the right to share it, and goes on with another one.
func (s *session) await(ctx context.Context, v *view) (ready bool, err error) {
	patience := time.NewTimer(joinPatience)
	defer patience.Stop()
	defer s.ring() // for what else has woken it meanwhile
	for {
		s.passOn()
		ready, changed, err := v.feed.Status()
		if ready || err != nil || s.member.failing() || time.Now().Before(s.hasty) {
			return ready && err == nil, err
		}
		select {
		case <-changed:
		case <-s.wake:
		case <-patience.C:
			s.hasty = time.Now().Add(sendTimeout)
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// open attaches the session to a group's feed.
func (s *session) open(g *collection.Group) *view {
	key := s.keyOf(g)
	i := slices.IndexFunc(s.views, func(v *view) bool { return v.feed.Key == key })
	if i < 0 {
		r := s.member.feeds.Attach(key, s.member, s.ring)
		if r == nil { // the rights have changed just then
			return s.open(g)
		}
		i = len(s.views)
		s.views = append(s.views, &view{feed: r.Feed, reader: r, sent: map[sentItem]time.Time{}, changes: map[string]struct{}{}})
	}
	s.views[i].uses++
	return s.views[i]
}

// keyOf is that of the feed by which the session is to read a group.
func (s *session) keyOf(g *collection.Group) feed.Key {
	if audience := s.member.names.Audience(g); audience != "" && !s.plan.OwnFeeds {
		return feed.Key{Group: g, Audience: audience}
	}
	return feed.Key{Group: g, Owner: s.member}
}

func (s *session) drop(j *joined) {
	s.noteCome(j)
	s.noteOvertakes(j)
	s.abandon(j)
	j.setOut(false)
	s.setPresent(j, false)
	delete(s.joined, wire.Fold(j.Name))
	s.close(j.view)
}

// close undoes open.
func (s *session) close(v *view) {
	v.uses--
	if v.uses == 0 {
		s.views = slices.DeleteFunc(s.views, func(other *view) bool { return other == v })
		s.member.feeds.Detach(v.reader)
	}
}

func (s *session) Part(_ context.Context, name string) error {
	if j := s.joined[wire.Fold(name)]; j != nil {
		s.drop(j)
	}
	return nil
}

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

func (s *session) Poll(ctx context.Context) ([]ircd.Event, error) {
	down, ended := s.member.health()
	if errors.Is(ended, ircd.ErrPanic) {
		return nil, ended
	}
	if errors.Is(ended, directus.ErrOtherUser) {
		return nil, &ircd.Error{Text: "The token that you logged in with belongs to another Directus user by now, so your session has ended. Log in again", Err: ended}
	}
	if ended != nil {
		return nil, &ircd.Error{Text: "Directus has ended your session (password or token changed, or account suspended). Log in again", Err: ended}
	}
	s.passOn()
	events := append(s.outageEvents(down), s.follow(ctx)...)
	s.regroup()
	var few [8]string // most are in no more channels, and then this takes no memory
	names := slices.AppendSeq(few[:0], maps.Keys(s.joined))
	slices.Sort(names)
	proven, shown := s.member.isProven(), false
	var next []*view // of which a backlog is to come first
	for _, name := range names {
		j := s.joined[name]
		events = append(events, s.troubleEvents(j, down, proven)...)
		switch {
		case !j.due || j.out:
		case shown: // not all are to be held at once
			next = append(next, j.view)
			s.ring()
		default:
			late := s.dueEvents(ctx, j, down)
			events, shown = append(events, late...), len(late) > 0
		}
	}
	proven = proven && s.member.isProven() // a backlog may have taken its time
	arriving := s.arriving(proven)
	if next != nil {
		arriving = nil // not all is read
	}
	for _, v := range s.views {
		if v.isSilent(proven) || slices.Contains(next, v) {
			continue
		}
		if s.announces(v) {
			if v.reader.HasNews() { // it has come since
				s.ring()
			}
			continue
		}
		var err error
		if events, err = s.read(v, events, arriving); err != nil {
			return nil, err
		}
	}
	events = append(events, s.arrive(ctx, arriving)...)
	return append(events, s.mail.take()...), nil
}

// isSilent reports that nothing of a view is to be shown now. proven says that the
// proof of the session's member is fresh.
func (v *view) isSilent(proven bool) bool {
	return v.held || v.out > 0 || v.feed.Key.IsShared() && !proven
}

// read adds to events what a feed has brought that the client is to be shown.
func (s *session) read(v *view, events []ircd.Event, arriving arrivals) ([]ircd.Event, error) {
	readAt := v.feed.ReadAt()
	var readTo feed.Extent
	if len(s.visits) > 0 { // else nobody asks
		readTo = v.feed.ReadTo()
	}
	first, news, ok := v.reader.Read()
	if !ok {
		return nil, &ircd.Error{Text: fmt.Sprintf("Too slow: more than %d messages, or %d MiB of them, behind. Come back to catch up", feed.MaxBehind, feed.MaxBehindBytes>>20)}
	}
	events = slices.Grow(events, len(news))
	moves := len(news) > 0 && s.moves(v)
	var of *collection.Channel
	var j *joined
	for i := range news {
		e := &news[i]
		if e.Channel != of {
			of, j = e.Channel, s.joined[wire.Fold(e.Channel.Name)]
		}
		if s.wants(v, j, e, first+int64(i)) {
			events = append(events, e.Event)
			s.showEntry(j, e, readTo)
		}
		if moves {
			s.note(v, e, arriving)
		}
	}
	for _, j := range s.joined {
		if j.view == v && (j.shown != nil || j.received != nil) && readAt.After(j.shownAt.Add(s.plan.Edits.Merge)) && v.feed.MissedSoFar() == 0 {
			j.shown, j.received = nil, nil // from here on the feed knows them, and their edits
		}
	}
	return events, nil
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
