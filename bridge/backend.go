package bridge

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/budget"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/guard"
	"directus-ircd/bridge/markers"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/resume"
	"directus-ircd/bridge/rights"
	"directus-ircd/bridge/rooms"
	"directus-ircd/bridge/state"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// Options configure a Backend.
type Options struct {
	Client   *directus.Client
	Channels []collection.Config
	// Rooms makes further channels of the items of a collection; nil: there are none.
	Rooms *rooms.Config
	// NickFields are the fields of directus_users tried in order to form the
	// nick; together they make the real name.
	NickFields []string
	// AccountField is the field of directus_users with the account name, for those who have
	// one that nobody else ever had. Empty: the account name is the nick.
	AccountField string
	// Zone is the time zone in which Directus writes the dates of dateTime fields; nil means
	// UTC.
	Zone *time.Location
	// LoginProvider is the one of Directus' providers that all passwords are for: its driver
	// is ldap or local. Empty means Directus' own login, by e-mail address.
	LoginProvider string
	// LoginTemplate makes an e-mail address, or what the provider knows the user by, of a
	// nick, which takes the place of "{nick}", so that users can log in with nick and
	// password. Empty: they need their address or name.
	LoginTemplate string
	// LoginAttemptsPerMinute limits failed logins, per address and per account; 0 means no
	// limit.
	LoginAttemptsPerMinute int
	// PageMemory bounds the memory for history and backlogs that are being read, in bytes,
	// and so how many parts of them are read at once. 0 means 32 MiB, which is also the most.
	PageMemory int64
	// LoginsAtOnce limits the logins that Directus is asked for at the same time; further
	// ones wait. 0 means no limit.
	LoginsAtOnce int
	// Private is where private messages are stored; nil means that there are none.
	Private *collection.Private
	// ReadMarkers is where read markers are stored; nil means only in memory.
	ReadMarkers *collection.ReadMarkers
	// Edits says how edits of stored messages are shown.
	Edits collection.Edits
	// Recheck is the longest time until a user's lost access takes effect, where Directus
	// itself does not enforce the loss on open sessions: see member.check. 0 means five
	// minutes.
	Recheck time.Duration
	// Resume lets devices continue where they left off; nil means that no device does.
	Resume *Resume
	// State is what outlives the Backend, which closes it. nil means that nothing does.
	State *State
	// DigestRounds is the cost of hashing a password that State remembers, in rounds of
	// PBKDF2. 0 means 10,000, or one round if State has no file.
	DigestRounds int
	// OwnFeeds gives every user subscriptions of their own, even if the permissions prove
	// that several users see the same.
	OwnFeeds bool
	// PublicURL is the base of links to files, as people reach Directus. Empty means the
	// URL of Client.
	PublicURL string
	Logger    zerolog.Logger
}

// Backend implements ircd.Backend.
type Backend struct {
	opts      Options              // the initial options; see plan for those that Configure can change
	plan      atomic.Pointer[plan] // stored under mu
	people    *people.Community
	guard     *guard.Limiter
	markers   markers.Books
	feeds     *feed.Set
	rights    rights.Shared
	topics    topicSetters
	origin    string // URL of the Directus server, which tells its entries in the state from others
	pages     *budget.Pages
	positions *resume.Positions // of devices, from the state; nil: no device resumes
	resumed   atomic.Int64      // how many channels were resumed by a device
	doubts    doubts

	mu       sync.Mutex
	members  map[string]*member      // by user id; guarded by mu
	idle     map[*member]*time.Timer // members without sessions, see linger; guarded by mu
	draining bool                    // set by Drain: members no longer linger; guarded by mu
	retired  []*rooms.Rooms          // of earlier configurations; guarded by mu
	retiring sync.WaitGroup          // idle members that are being closed, joined by Close; added to under mu
}

var _ ircd.Backend = (*Backend)(nil)

// New checks the options and makes a Backend, without asking Directus. If it fails, the
// caller still has to close the State.
func New(opts Options) (*Backend, error) {
	if opts.Client == nil {
		return nil, errors.New("bridge: a Directus client is needed")
	}
	if opts.State == nil {
		opts.State = newState(opts.Logger)
	}
	p, err := newPlan(opts, &plan{})
	if err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	b := &Backend{
		opts: opts, origin: opts.Client.URL().String(), feeds: feed.NewSet(),
		guard: guard.NewLimiter(opts.LoginAttemptsPerMinute, opts.State.logins, opts.Client.URL().String(), opts.Client.Now), members: map[string]*member{}, idle: map[*member]*time.Timer{},
	}
	if opts.DigestRounds > 0 {
		b.guard.HashWith(opts.DigestRounds)
	}
	b.pages = budget.NewPages(opts.PageMemory)
	b.people = people.NewCommunity(opts.State.Store, opts.State.nicks, b.origin)
	if opts.Resume != nil {
		b.positions = opts.State.positions
		b.positions.Begin(opts.Resume.MaxAge, func() (time.Time, bool) {
			_, _, known := opts.Client.ServerTime()
			return opts.Client.Now(), known
		})
	}
	b.plan.Store(p)
	return b, nil
}

// Configure replaces all options but Client, Logger, Resume and State. Sessions stay open
// and adopt the new options in their next Poll. NickFields, AccountField, PublicURL and
// Recheck take effect for users who connect from now on. If Configure fails, nothing has changed. It may
// be called from any goroutine.
func (b *Backend) Configure(opts Options) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.plan.Load()
	opts.Client, opts.Logger, opts.Resume, opts.State = b.opts.Client, b.opts.Logger, b.opts.Resume, b.opts.State
	p, err := newPlan(opts, old)
	if err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	b.plan.Store(p)
	if old.rooms != nil && p.rooms != old.rooms {
		b.retired = append(b.retired, old.rooms) // its lists end when no session has it any more
	}
	if p.rooms != nil {
		p.rooms.Set(p.Rooms.Settings)
	}
	b.guard.Limit(opts.LoginAttemptsPerMinute)
	b.pages.Resize(opts.PageMemory)
	moved := !reflect.DeepEqual(opts.ReadMarkers, old.ReadMarkers)
	for _, m := range b.members {
		if moved {
			m.markers.Move(p.markerStore(m.account))
		}
		m.ring()
	}
	return nil
}

func (b *Backend) Features() ircd.Features {
	p := b.plan.Load()
	f := ircd.Features{Private: p.Private != nil, History: true, ReadMarkers: true, Topics: true}
	f.Replies = f.Private && p.Private.Fields.Reply != ""
	f.Reactions = f.Private && p.Private.Reactions != nil
	kinds := p.Channels
	if p.Rooms != nil {
		f.Rooms, f.Created, f.TopicTimes = true, true, p.Rooms.Fields.Topic != ""
		kinds = append(slices.Clip(kinds), p.Rooms.Messages)
	}
	for _, c := range kinds {
		f.Replies = f.Replies || c.Fields.Reply != ""
		f.Reactions = f.Reactions || c.Reactions != nil
	}
	return f
}

// Now implements ircd.Backend with the clock of Directus.
func (b *Backend) Now() time.Time { return b.opts.Client.Now() }

func (b *Backend) Login(ctx context.Context, cred ircd.Credentials) (ircd.Session, error) {
	p := b.plan.Load()
	w := scheme{provider: p.LoginProvider, template: p.LoginTemplate}
	cred, from, err := w.deviceOf(cred)
	if err != nil {
		return nil, err
	}
	s, err := b.login(ctx, w, cred, from)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Stats are figures for the operator.
type Stats struct {
	// Users is the number of Directus users connected.
	Users int
	// Links is the number of realtime links that are up, including those of users who have
	// just left.
	Links int
	// Feeds is the number of feeds, shared or not.
	Feeds int
	// Unannounced counts the messages of which Directus did not tell, in each feed that found
	// them.
	Unannounced int64
	// Recovered counts new messages that a reading has found before Directus told of them, in
	// each feed.
	Recovered int64
	// Misplaced counts how often the collection was read because a row with a lower key had
	// not come before the others.
	Misplaced int64
	// DoubtStored, DoubtAbsent and DoubtOpen count the messages whose creation Directus did
	// not answer: those that were found to be stored, or surely not stored, and those of which
	// nobody knows.
	DoubtStored, DoubtAbsent, DoubtOpen int64
	// Resumed counts how often a device was shown what it had missed of a channel.
	Resumed int64
	// Unwritten counts failed writes of the state file.
	Unwritten int64
}

// Stats returns the current figures. It may be called from any goroutine.
func (b *Backend) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Stats{
		Feeds: b.feeds.Count(), Unannounced: b.feeds.Unannounced(), Recovered: b.feeds.Recovered(), Misplaced: b.feeds.Misplaced(),
		DoubtStored: b.doubts.stored.Load(), DoubtAbsent: b.doubts.absent.Load(), DoubtOpen: b.doubts.open.Load(),
		Resumed: b.resumed.Load(), Unwritten: b.opts.State.Failures(),
	}
	for _, m := range b.members {
		if m.inUse() {
			s.Users++
		}
		if m.Link().Up {
			s.Links++
		}
	}
	return s
}

// Status is what an operator may know beyond Stats.
type Status struct {
	Version string // of Directus; empty if it is not known
	// Links are the states of the realtime links of the users with a session, by id. Who only
	// reads what others bring has none, and Since is zero.
	Links  map[string]directus.State
	Feeds  []feed.Status
	Doubts []Doubt // the last ones, the newest first
}

// Status describes the users and feeds, no more than most of each. It may be called from any goroutine.
func (b *Backend) Status(most int) Status {
	s := Status{Version: b.opts.Client.Version(), Links: map[string]directus.State{}, Feeds: b.feeds.Feeds(most), Doubts: b.doubts.list()}
	b.mu.Lock()
	for id, m := range b.members {
		if len(s.Links) == most {
			break
		}
		s.Links[id] = m.Link()
	}
	b.mu.Unlock()
	own := b.plan.Load().OwnFeeds
	for i := range s.Feeds {
		switch f := &s.Feeds[i]; {
		case f.Owner == "":
		case own:
			f.Alone = "directus.share_feeds is off"
		case f.Alone == "":
			f.Alone = "the user's rights have changed since"
		}
	}
	return s
}

// Drain says that the daemon is about to stop: from now on, users who leave are logged out
// of Directus at once instead of lingering.
func (b *Backend) Drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
}

// Close logs out the remaining users, ends the feeds and closes the State. It is called
// after the IRC server has closed all sessions.
func (b *Backend) Close(ctx context.Context) error {
	b.Drain()
	err := b.closeAll(ctx)
	b.feeds.Close()
	b.mu.Lock()
	houses := append(b.retired, b.plan.Load().rooms)
	b.mu.Unlock()
	for _, r := range houses {
		if r != nil {
			r.Close()
		}
	}
	b.opts.State.Close()
	return err
}

// State is what outlives the daemon: the positions of devices, nicks and logins.
type State struct {
	*state.Store
	log       zerolog.Logger
	positions *resume.Positions
	nicks     *people.NickTable
	logins    guard.Kept
	rooms     rooms.Memory
}

// OpenState opens the state in a directory, creating it if needed. If the name is empty, the
// state is kept in memory only. A file that cannot be read is renamed and logged, and the
// state starts empty. The error is about the directory, or a state.ErrInUse.
func OpenState(directory string, log zerolog.Logger) (*State, error) {
	s := &State{log: log}
	var err error
	s.Store, err = state.Open(directory, s.fresh, log)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// newState makes a State that is kept in memory only.
func newState(log zerolog.Logger) *State {
	s := &State{log: log, Store: state.InMemory(log)}
	s.fresh(s.Store)
	return s
}

// fresh makes the empty tables of a store, and returns them as its buckets.
func (s *State) fresh(store *state.Store) []state.Bucket {
	s.positions = resume.NewPositions(store, s.log)
	s.nicks = people.NewNickTable(store)
	s.logins = guard.NewKept(store)
	s.rooms = rooms.NewMemory(store)
	return slices.Concat(s.logins.Buckets(), s.rooms.Buckets(), []state.Bucket{s.positions, s.nicks})
}
