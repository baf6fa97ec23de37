package ircd

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/ircd/bell"
	"directus-ircd/ircd/wire"
)

// fakeChat is a Backend in memory: accounts, channels, and messages that reach
// every other session in the channel. The hooks replace single answers.
type fakeChat struct {
	login func(ctx context.Context, cred Credentials) (Session, error) // nil: by accounts
	send  func(s *fakeSession, m Outgoing) (*Message, error)           // nil: store
	join  func(ctx context.Context, channel string) error              // nil: allowed

	knows  func(s *fakeSession, id string) Acquaintance // nil: by accounts
	lookup func(ctx context.Context, nick string) error // nil: none; else asked first
	poll   func(ctx context.Context)                    // nil: nothing; else called first
	asks   atomic.Int64                                 // for the hooks to count

	ahead    time.Duration         // of the clock of the chat
	features Features              // static
	notice   string                // in front of each backlog; static
	more     More                  // behind each backlog; nil: nothing; static
	device   bool                  // sessions want to know what has arrived; static
	listed   iter.Seq[ChannelInfo] // by LIST; nil: what there is; static
	bare     bool                  // sessions have no optional part; static
	bot      bool                  // every login is marked as a bot's; static
	denied   bool                  // nor has the chat any; static

	crash func(method, user string) // guarded by mu; nil: nothing. It may panic

	redact   func(s *fakeSession, target, msgid, reason string) (*Redaction, error)
	react    func(s *fakeSession, r Reacting) (*Reaction, error)
	setTopic func(s *fakeSession, channel, topic string) (*Topic, error)
	history  func(s *fakeSession, q HistoryQuery) (*HistoryPage, error)
	targets  func(s *fakeSession, from, to time.Time, limit int) ([]HistoryTarget, error)

	mu       sync.Mutex
	keys     map[string]string // of channels that have a Key, by folded name
	accounts map[string]User   // by "account:secret"
	offline  map[string]User   // further users, by folded nick
	topics   map[string]string
	backlog  map[string][]*Message
	markers  map[string]time.Time // by folded target
	private  []*Message           // what was said between users, oldest first
	joinedAt time.Time            // the moment of every JOIN; zero: not told
	starts   []JoinOptions
	autoJoin []string
	sessions map[*fakeSession]bool
	logins   []Credentials
	stored   []Outgoing
	closed   int
}

func newFakeChat() *fakeChat {
	f := &fakeChat{
		accounts: make(map[string]User),
		offline:  make(map[string]User),
		topics:   map[string]string{"#messages": "The team's chat", "#dev": ""},
		backlog:  make(map[string][]*Message),
		markers:  make(map[string]time.Time),
		sessions: make(map[*fakeSession]bool),
	}
	for _, name := range []string{"alice", "bob", "kevin"} {
		f.accounts[name+"@example.com:pw-"+name] = testUser(name)
	}
	return f
}

func testUser(name string) User {
	return User{ID: "id-" + name, Account: "acc-" + name, Nick: name, Username: "u", Host: "directus", Realname: strings.ToUpper(name[:1]) + name[1:] + " Example"}
}

func (f *fakeChat) Login(ctx context.Context, cred Credentials) (Session, error) {
	f.mu.Lock()
	f.logins = append(f.logins, cred)
	f.mu.Unlock()
	if f.login != nil {
		return f.login(ctx, cred)
	}
	key := cred.Secret
	if strings.Contains(cred.Account, "@") {
		key = cred.Account + ":" + cred.Secret
	}
	f.mu.Lock()
	u, ok := f.accounts[key]
	f.mu.Unlock()
	if !ok {
		return nil, &LoginError{Reason: Rejected, Text: "wrong e-mail or password"}
	}
	if f.bare {
		return bareSession{f.open(u)}, nil
	}
	return f.open(u), nil
}

func (f *fakeChat) Now() time.Time { return time.Now().Add(f.ahead) }

func (f *fakeChat) open(u User) *fakeSession {
	s := &fakeSession{chat: f, user: u, joined: make(map[string]bool), wake: &bell.Pull{}}
	f.mu.Lock()
	f.sessions[s] = true
	f.mu.Unlock()
	return s
}

// say stores a message as if it came from elsewhere.
func (f *fakeChat) say(u User, channel, text string) {
	f.deliver(nil, &Message{From: u, Target: channel, Text: text})
}

func (f *fakeChat) deliver(from *fakeSession, m *Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m.ID = fmt.Sprintf("m%d", len(f.stored)+1)
	m.Time = f.Now()
	f.stored = append(f.stored, Outgoing{Target: m.Target, ReplyTo: m.ReplyTo, Kind: m.Kind, Text: m.Text})
	for s := range f.sessions {
		if s != from && s.sees(m) {
			s.queue = append(s.queue, m)
			s.wake.Ring()
		}
	}
}

// push gives every session an event.
func (f *fakeChat) push(ev Event, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.sessions {
		if ev != nil {
			s.queue = append(s.queue, ev)
		}
		s.err = err
		s.wake.Ring()
	}
}

func (f *fakeChat) texts() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var texts []string
	for _, m := range f.stored {
		texts = append(texts, m.Text)
	}
	return strings.Join(texts, "|")
}

// count is how many messages were stored.
func (f *fakeChat) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.stored)
}

// asked is what Login was called with.
func (f *fakeChat) asked() []Credentials {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.logins)
}

// ends is how many sessions are open, and how many were closed.
func (f *fakeChat) ends() (open, closed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sessions), f.closed
}

type fakeSession struct {
	chat *fakeChat
	user User
	wake *bell.Pull
	ctx  context.Context // of the Send at hand, for the hook

	joined map[string]bool // guarded by chat.mu, like all below
	queue  []Event
	err    error

	unproven bool // returned since the last AskReceipt, where the chat asks for receipts
	receipts int  // times that Received was called
}

func (s *fakeSession) User() User { return s.user }
func (s *fakeSession) mayCrash(method string) {
	s.chat.mu.Lock()
	crash := s.chat.crash
	s.chat.mu.Unlock()
	if crash != nil {
		crash(method, s.user.ID)
	}
}

func (s *fakeSession) Bot() bool          { return s.chat.bot }
func (s *fakeSession) Device() string     { return "device of " + s.user.Nick }
func (s *fakeSession) AutoJoin() []string { return s.chat.autoJoin }
func (s *fakeSession) WakeBy(p *bell.Pull) {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	s.wake = p
	p.Ring()
}

func (s *fakeSession) Channels(context.Context) (iter.Seq[ChannelInfo], error) {
	if s.chat.listed != nil {
		return s.chat.listed, nil
	}
	return slices.Values([]ChannelInfo{{Name: "#dev"}, {Name: "#messages", Topic: s.chat.topics["#messages"]}}), nil
}

// DatesChannels implements ChannelDater: there are times where a test has set the list.
func (s *fakeSession) DatesChannels(context.Context) (created, topics bool) {
	return s.chat.listed != nil, s.chat.listed != nil
}

func (s *fakeSession) Join(ctx context.Context, channel string, opts JoinOptions) (*Channel, error) {
	s.mayCrash("Join")
	if s.chat.join != nil {
		if err := s.chat.join(ctx, channel); err != nil {
			return nil, err
		}
	}
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	name := wire.Fold(channel)
	topic, ok := s.chat.topics[name]
	if !ok {
		return nil, &Error{Numeric: "403", Params: []string{channel}, Text: "no such channel"}
	}
	s.joined[name] = true
	ch := &Channel{Name: name, Key: s.chat.keys[name], Topic: topic, At: s.chat.joinedAt}
	if opts.Backlog && !opts.Bot {
		ch.Backlog, ch.Notice, ch.More = s.chat.backlog[name], s.chat.notice, s.chat.more
	}
	return ch, nil
}

func (s *fakeSession) Part(_ context.Context, channel string) error {
	s.mayCrash("Part")
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	delete(s.joined, wire.Fold(channel))
	return nil
}

func (s *fakeSession) Send(ctx context.Context, out Outgoing) (*Message, error) {
	s.mayCrash("Send")
	if s.chat.send != nil {
		s.ctx = ctx
		return s.chat.send(s, out)
	}
	m := &Message{From: s.user, Target: out.Target, ReplyTo: out.ReplyTo, Kind: out.Kind, Text: out.Text}
	if err := s.chat.address(m); err != nil {
		return nil, err
	}
	s.chat.deliver(s, m)
	return m, nil
}

func (s *fakeSession) Lookup(ctx context.Context, nick string) (*User, error) {
	if s.chat.lookup != nil {
		if err := s.chat.lookup(ctx, nick); err != nil {
			return nil, err
		}
	}
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	if nick == "broken" {
		return nil, errors.New("the backend is down")
	}
	for _, u := range s.chat.accounts {
		if wire.Fold(u.Nick) == wire.Fold(nick) {
			return &u, nil
		}
	}
	if u, ok := s.chat.offline[wire.Fold(nick)]; ok {
		return &u, nil
	}
	return nil, nil
}

func (s *fakeSession) Poll(ctx context.Context) ([]Event, error) {
	s.mayCrash("Poll")
	if s.chat.poll != nil {
		s.chat.poll(ctx)
	}
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	events := s.queue
	s.queue = nil
	s.unproven = s.unproven || len(events) > 0
	return events, s.err
}

func (s *fakeSession) News() ([]Event, bool) {
	s.mayCrash("News")
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	if s.err != nil || s.chat.poll != nil || s.chat.device {
		return nil, false
	}
	events := s.queue
	s.queue = nil
	return events, true
}

func (s *fakeSession) AskReceipt() bool {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	asked := s.unproven && s.chat.device
	s.unproven = false
	return asked
}

func (s *fakeSession) Received() {
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	s.receipts++
}

func (s *fakeSession) Close(context.Context) error {
	s.mayCrash("Close")
	s.chat.mu.Lock()
	defer s.chat.mu.Unlock()
	delete(s.chat.sessions, s)
	s.chat.closed++
	return nil
}
