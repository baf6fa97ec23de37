package bridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"directus-ircd/directus"
	"directus-ircd/ircd"
)

const (
	// joinPatience is how long a JOIN waits for the backlog before it goes
	// ahead without; the backlog then follows.
	joinPatience = 3 * time.Second
	// backlogRetry is the pause before a backlog that could not be read is
	// tried again.
	backlogRetry = 5 * time.Second
)

// session implements ircd.Session: one IRC connection's view of the chat. All
// its fields belong to that connection's goroutine, but for wake.
type session struct {
	backend     *Backend
	member      *member
	person      person
	nick        *claim
	wake        chan struct{}
	joined      map[string]*joined // by folded channel name
	views       map[*group]*view
	outage      bool // the client was told of an outage outside of any channel
	nextBacklog time.Time
	hasty       time.Time   // until then JOINs do not wait: the last did in vain
	retry       *time.Timer // at nextBacklog: rings for a backlog that is due; nil until needed
}

// view is a session's reading of one feed.
type view struct {
	feed   *feed
	reader *reader
	uses   int // channels joined
	// sent holds what Send has returned and the feed still brings.
	sent map[sentItem]struct{}
}

// joined is a channel that the client is in.
type joined struct {
	*channel
	view *view
	due  bool // the backlog could not be read yet
	told trouble
	// What the backlog has shown, to be left out of the feed: these ids until
	// the feed has read the collection once more; what the feed had brought
	// before floorPos; and what it reads of the time before the oldest of a
	// full backlog.
	shown    map[string]struct{}
	shownAt  time.Time
	floor    *row
	floorPos int64
	// live are the ids shown while the backlog is due, to be left out of it.
	live map[string]struct{}
}

// trouble is what a client was told last about a channel.
type trouble int

const (
	none trouble = iota
	unreachable
	forbidden
)

var _ ircd.Session = (*session)(nil)

func newSession(b *Backend, who person) *session {
	return &session{
		backend: b, person: who, wake: make(chan struct{}, 1),
		joined: map[string]*joined{}, views: map[*group]*view{},
	}
}

// ring may be called from any goroutine.
func (s *session) ring() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *session) User() ircd.User       { return s.nick.user }
func (s *session) Wake() <-chan struct{} { return s.wake }

func (s *session) AutoJoin() []string {
	var names []string
	for _, c := range s.backend.opts.Channels {
		if c.AutoJoin {
			names = append(names, c.Name)
		}
	}
	return names
}

func (s *session) Channels(context.Context) ([]ircd.ChannelInfo, error) {
	infos := make([]ircd.ChannelInfo, 0, len(s.backend.opts.Channels))
	for _, c := range s.backend.opts.Channels {
		infos = append(infos, ircd.ChannelInfo{Name: c.Name, Topic: c.Topic})
	}
	return infos, nil
}

func (s *session) Join(ctx context.Context, name string, opts ircd.JoinOptions) (*ircd.Channel, error) {
	c := s.backend.channels[ircd.Fold(name)]
	if c == nil {
		return nil, noSuchChannel(name)
	}
	var answer *ircd.Channel
	var err error
	for _, g := range s.backend.groups[c] {
		if answer, err = s.enter(ctx, c, g, opts); !isForbidden(err) {
			return answer, err
		}
	}
	return nil, unreadable(c.Name, err)
}

// enter joins a channel as a part of a group. The error is Directus' refusal, or
// that of ctx.
func (s *session) enter(ctx context.Context, c *channel, g *group, opts ircd.JoinOptions) (*ircd.Channel, error) {
	j := &joined{channel: c, view: s.open(g), due: opts.Backlog && c.Backlog > 0}
	j.floorPos = j.view.feed.journal.end()
	s.joined[ircd.Fold(c.Name)] = j
	ready, err := s.await(ctx, j.view.feed)
	answer := &ircd.Channel{Name: c.Name, Topic: c.Topic}
	if ready && j.due {
		answer.Backlog, err = s.backlog(ctx, j)
	}
	if isForbidden(err) || ctx.Err() != nil {
		s.drop(j)
		return nil, errors.Join(ctx.Err(), err)
	}
	if j.due {
		s.ringLater()
	}
	s.ring()
	return answer, nil
}

// await waits until the feed has read its collection for the first time, for as
// long as there is hope that it soon will.
func (s *session) await(ctx context.Context, f *feed) (ready bool, err error) {
	patience := time.NewTimer(joinPatience)
	defer patience.Stop()
	for {
		ready, changed, err := f.status()
		if ready || err != nil || s.member.failing() || time.Now().Before(s.hasty) {
			return ready && err == nil, err
		}
		select {
		case <-changed:
		case <-patience.C:
			s.hasty = time.Now().Add(sendTimeout)
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// open attaches the session to a group's feed.
func (s *session) open(g *group) *view {
	v := s.views[g]
	if v == nil {
		v = &view{feed: s.member.open(g), sent: map[sentItem]struct{}{}}
		v.reader = v.feed.journal.attach(s.ring)
		s.views[g] = v
	}
	v.uses++
	return v
}

func (s *session) drop(j *joined) {
	delete(s.joined, ircd.Fold(j.Name))
	j.view.uses--
	if j.view.uses == 0 {
		g := j.view.feed.group
		j.view.feed.journal.detach(j.view.reader)
		s.member.release(g)
		delete(s.views, g)
	}
}

func (s *session) Part(_ context.Context, name string) error {
	if j := s.joined[ircd.Fold(name)]; j != nil {
		s.drop(j)
	}
	return nil
}

// backlog reads the channel's latest messages and remembers what it shows.
func (s *session) backlog(ctx context.Context, j *joined) ([]*ircd.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	f := j.view.feed
	at, pos := time.Now(), f.journal.end()
	rows, err := latest(ctx, s.member.account, f.group, j.channel, j.Backlog)
	if err != nil {
		return nil, err
	}
	authors := make([]string, len(rows))
	for i, r := range rows {
		authors[i] = r.author
	}
	users, err := s.member.names.users(ctx, authors)
	if err != nil {
		return nil, err
	}
	j.due = false
	j.shown, j.shownAt, j.floorPos = make(map[string]struct{}, len(rows)), at, pos
	messages := make([]*ircd.Message, 0, len(rows))
	for _, r := range rows {
		j.shown[r.id] = struct{}{}
		if _, live := j.live[r.id]; live || j.view.hasSent(j.channel, r) {
			continue
		}
		if m := toMessage(r, j.channel, users[r.author], true); m.Text != "" {
			messages = append(messages, m)
		}
	}
	if len(rows) == j.Backlog {
		j.floor = &rows[0]
	}
	j.live = nil
	return messages, nil
}

// ringLater makes the session look for its backlogs again after a while, and
// not before.
func (s *session) ringLater() {
	s.nextBacklog = time.Now().Add(backlogRetry)
	if s.retry == nil {
		s.retry = time.AfterFunc(backlogRetry, s.ring)
		return
	}
	s.retry.Reset(backlogRetry)
}

func (s *session) Lookup(ctx context.Context, nick string) (*ircd.User, error) {
	ctx, cancel := context.WithTimeout(ctx, joinPatience)
	defer cancel()
	u, err := s.member.names.search(ctx, nick)
	if errors.Is(err, directus.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) {
		return nil, tryAgain("WHOIS", err)
	}
	return u, err
}

func (s *session) Poll(ctx context.Context) ([]ircd.Event, error) {
	down, ended := s.member.health()
	if ended != nil {
		return nil, &ircd.Error{Text: "Directus has ended your session (password or token changed, or account suspended). Log in again", Err: ended}
	}
	events := s.outageEvents(down)
	for _, name := range slices.Sorted(maps.Keys(s.joined)) {
		j := s.joined[name]
		events = append(events, s.troubleEvents(j, down)...)
		events = append(events, s.dueEvents(ctx, j, down)...)
	}
	for _, v := range s.views {
		readAt := v.feed.readAt()
		first, news, ok := v.feed.journal.read(v.reader)
		if !ok {
			return nil, &ircd.Error{Text: fmt.Sprintf("Too slow: more than %d messages behind. Come back to catch up", maxBehind)}
		}
		for i, e := range news {
			if s.wants(v, e, first+int64(i)) {
				events = append(events, e.message)
			}
		}
		for _, j := range s.joined {
			if j.view == v && readAt.After(j.shownAt) {
				j.shown = nil // from here on the feed knows them
			}
		}
	}
	return events, nil
}

// dueEvents makes up for a backlog that JOIN could not deliver. One attempt in
// a while is enough: each may take its time.
func (s *session) dueEvents(ctx context.Context, j *joined, down bool) []ircd.Event {
	ready, _, err := j.view.feed.status()
	if !j.due || !ready || err != nil || down || time.Now().Before(s.nextBacklog) {
		return nil
	}
	messages, err := s.backlog(ctx, j)
	if err != nil {
		s.ringLater()
		return nil
	}
	return []ircd.Event{&ircd.Backlog{Channel: j.Name, Messages: messages}}
}

// wants tells whether the client has yet to be shown an entry of a feed.
func (s *session) wants(v *view, e entry, pos int64) bool {
	j := s.joined[ircd.Fold(e.channel.Name)]
	if j != nil && j.due {
		if j.live == nil {
			j.live = map[string]struct{}{}
		}
		j.live[e.row.id] = struct{}{}
	}
	if v.hasSent(e.channel, e.row) {
		delete(v.sent, sentItem{e.channel, e.row.id})
		return false
	}
	if j == nil {
		return false
	}
	if _, shown := j.shown[e.row.id]; shown || pos < j.floorPos {
		return false
	}
	return !e.read || j.floor == nil || compareRows(e.row, *j.floor) > 0
}

// sentItem is a row as it shows in one of the channels.
type sentItem struct {
	channel *channel
	id      string
}

func (v *view) hasSent(c *channel, r row) bool {
	_, ok := v.sent[sentItem{c, r.id}]
	return ok
}

// outageEvents tells a client that is in no channel of an outage, once, and of
// its end, once.
func (s *session) outageEvents(down bool) []ircd.Event {
	if down == s.outage || len(s.joined) > 0 {
		s.outage = down && s.outage
		return nil
	}
	s.outage = down
	if down {
		return []ircd.Event{&ircd.ServiceNotice{Text: downText}}
	}
	return []ircd.Event{&ircd.ServiceNotice{Text: backText}}
}

const (
	downText = "Directus is unreachable: messages are neither sent nor received until it is back. Nothing that others write is lost"
	backText = "Directus is back: what was written meanwhile follows"
)

// troubleEvents does the same in the window of a channel, and tells of a lost
// right to read.
func (s *session) troubleEvents(j *joined, down bool) []ircd.Event {
	now := none
	_, _, err := j.view.feed.status()
	switch {
	case down:
		now = unreachable
	case isForbidden(err):
		now = forbidden
	case err != nil && j.view.feed.trouble():
		now = unreachable
	case err != nil && j.told != none:
		return nil // neither well nor worth a word
	}
	before := j.told
	j.told = now
	var text string
	switch {
	case now == before:
		return nil
	case now == unreachable:
		text = downText
	case now == forbidden:
		text = "Directus does not allow you to read this channel any more: new messages are not shown until it does"
	case before == forbidden:
		text = "Directus allows you to read this channel again: what was written meanwhile follows"
	default:
		text = backText
	}
	return []ircd.Event{&ircd.ServiceNotice{Target: j.Name, Text: text}}
}

func (s *session) Close(ctx context.Context) error {
	if s.retry != nil {
		s.retry.Stop()
	}
	for _, j := range s.joined {
		s.drop(j)
	}
	return s.backend.leave(ctx, s)
}

// Send implements ircd.Session.
func (s *session) Send(ctx context.Context, m ircd.Outgoing) (*ircd.Message, error) {
	j := s.joined[ircd.Fold(m.Target)]
	if j == nil {
		return nil, noSuchChannel(m.Target)
	}
	text := storedText(m)
	if strings.TrimSpace(text) == "" {
		return nil, cannotSend(j.Name, "Not sent: nothing is left of the text without its formatting", nil)
	}
	r, err := s.member.send(ctx, j.channel, j.view.feed, text)
	if err != nil {
		return nil, err
	}
	if len(j.view.sent) >= maxBehind {
		// These never came back: rows that the channel's own filter leaves out.
		clear(j.view.sent)
	}
	j.view.sent[sentItem{j.channel, r.id}] = struct{}{}
	return toMessage(r, j.channel, s.nick.user, false), nil
}
