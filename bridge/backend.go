package bridge

import (
	"context"
	"errors"
	"fmt"
	"reflect"
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
	"directus-ircd/bridge/state"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// Options configure a Backend.
type Options struct {
	Client   *directus.Client
	Channels []collection.Config
	// NickFields are the fields of directus_users tried in order to form the
	// nick; together they make the real name.
	NickFields []string
	// Zone is that of Directus, in which it writes the dates of dateTime fields; nil: UTC.
	Zone *time.Location
	// EmailTemplate lets a nick and a password log in: "{nick}" in it is
	// replaced by the nick. Empty: an e-mail is needed.
	EmailTemplate string
	// LoginAttemptsPerMinute limits failed logins, per address and per account;
	// 0: no limit.
	LoginAttemptsPerMinute int
	// PageMemory is what the reading of history and backlogs may take, in bytes; 0 means 32
	// MiB, which is also the most. It tells how many parts of them are read at once.
	PageMemory int64
	// LoginsAtOnce is how many logins Directus is asked for at a time; the others
	// wait. 0: no limit.
	LoginsAtOnce int
	// Private is where private messages are stored; nil: there are none.
	Private *collection.Private
	// ReadMarkers is where read markers are stored; nil: they are kept in
	// memory.
	ReadMarkers *collection.ReadMarkers
	Edits       collection.Edits
	// Recheck is how long it may take until what a user has lost in Directus is
	// honoured, where Directus does not honour it at once: see member.check. 0
	// means five minutes.
	Recheck time.Duration
	// Resume lets devices go on from where they were; nil: nobody's.
	Resume *Resume
	// State is what outlasts the Backend, which closes it; nil: nothing is to.
	State *State
	// DigestRounds is the cost of hashing a password that State remembers, in rounds of
	// PBKDF2; 0 means 10,000, or one where State has no file.
	DigestRounds int
	// OwnFeeds makes everybody read with subscriptions of their own, also where
	// Directus proves that others are shown the same.
	OwnFeeds bool
	// PublicURL is the base of links to files, as people reach Directus; empty:
	// that of Client.
	PublicURL string
	Logger    zerolog.Logger
}

// Backend implements ircd.Backend.
type Backend struct {
	opts      Options              // as it was made: of those that Configure replaces plan has the present ones
	plan      atomic.Pointer[plan] // stored under mu
	people    *people.Community
	guard     *guard.Limiter
	markers   markers.Books
	feeds     *feed.Set
	rights    rights.Shared
	origin    string // the Directus that what is in the state is of
	pages     *budget.Pages
	positions *resume.Positions // of the state; nil: no device goes on from where it was
	resumed   atomic.Int64      // channels of devices that have come back

	mu       sync.Mutex
	members  map[string]*member      // by user id; guarded by mu
	idle     map[*member]*time.Timer // those without sessions, see linger; guarded by mu
	draining bool                    // nobody lingers any more; guarded by mu
	retiring sync.WaitGroup          // idle members that are being closed, joined by Close; added to under mu
}

var _ ircd.Backend = (*Backend)(nil)

// New checks the options and makes a Backend. It does not ask Directus. After an error
// the State is still the caller's to close.
func New(opts Options) (*Backend, error) {
	if opts.Client == nil {
		return nil, errors.New("bridge: a Directus client is needed")
	}
	p, err := newPlan(opts, &plan{})
	if err != nil {
		return nil, fmt.Errorf("bridge: %w", err)
	}
	if opts.State == nil {
		opts.State = newState(opts.Logger)
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
		b.positions.Begin(opts.Resume.MaxAge, collection.ClockOf(opts.Client))
	}
	b.plan.Store(p)
	return b, nil
}

// Configure replaces the options, all but Client, Logger, Resume and State, under sessions
// that go on: each learns of it by its next Poll. What concerns the people themselves
// (NickFields, PublicURL, Recheck) holds for users who connect from now on. After an error
// everything is as it was. It may be called from any goroutine.
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

// Features implements ircd.Backend.
func (b *Backend) Features() ircd.Features {
	p := b.plan.Load()
	f := ircd.Features{Private: p.Private != nil, History: true, ReadMarkers: true, Topics: true}
	f.Replies = f.Private && p.Private.Fields.Reply != ""
	for _, c := range p.Channels {
		f.Replies = f.Replies || c.Fields.Reply != ""
		f.Reactions = f.Reactions || c.Reactions != nil
	}
	return f
}

// Now implements ircd.Backend: it is the time by the clock of Directus.
func (b *Backend) Now() time.Time { return b.opts.Client.Now() }

// Login implements ircd.Backend.
func (b *Backend) Login(ctx context.Context, cred ircd.Credentials) (ircd.Session, error) {
	cred, device, err := deviceOf(cred)
	if err != nil {
		return nil, err
	}
	s, err := b.login(ctx, cred, device)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Stats are figures for the operator.
type Stats struct {
	// Users is the number of Directus users connected.
	Users int
	// Links is the number of realtime links that are up, those included of who has
	// just left.
	Links int
	// Feeds is the number of readings of collections, shared or not.
	Feeds int
	// Resumed is how often a device was shown what it had missed of a channel.
	Resumed int64
	// Unwritten is how often the state file could not be written.
	Unwritten int64
}

// Stats counts; it may be called at any time.
func (b *Backend) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Stats{Feeds: b.feeds.Count(), Resumed: b.resumed.Load(), Unwritten: b.opts.State.Failures()}
	for _, m := range b.members {
		if m.inUse() {
			s.Users++
		}
		if m.IsUp() {
			s.Links++
		}
	}
	return s
}

// Drain is called when the daemon is about to stop: from now on, who leaves is
// logged out of Directus at once.
func (b *Backend) Drain() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draining = true
}

// Close ends what sessions have left; it is called after the IRC server has
// ended all of them.
func (b *Backend) Close(ctx context.Context) error {
	b.Drain()
	err := b.closeAll(ctx)
	b.feeds.Close()
	b.opts.State.Close()
	return err
}

// State is what the daemon keeps beyond its end.
type State struct {
	*state.Store
	log       zerolog.Logger
	positions *resume.Positions
	nicks     *people.NickTable
	logins    guard.Kept
}

// OpenState opens the state in a directory, which is made if need be; where the name is
// empty memory has to do. A file that cannot be read is put aside, and said so. The error
// is that of the directory, or an ErrInUse.
func OpenState(directory string, log zerolog.Logger) (*State, error) {
	s := &State{log: log}
	var err error
	s.Store, err = state.Open(directory, s.fresh, log)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// newState is a State in memory.
func newState(log zerolog.Logger) *State {
	s := &State{log: log, Store: state.InMemory(log)}
	s.fresh(s.Store)
	return s
}

// fresh begins with nothing.
func (s *State) fresh(store *state.Store) []state.Bucket {
	s.positions = resume.NewPositions(store, s.log)
	s.nicks = people.NewNickTable(store)
	s.logins = guard.NewKept(store)
	return append(s.logins.Buckets(), s.positions, s.nicks)
}
