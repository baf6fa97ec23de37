package bridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"directus-ircd/bridge/budget"
	"directus-ircd/bridge/feed"
	"directus-ircd/bridge/guard"
	"directus-ircd/bridge/markers"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// member is a Directus user with at least one session, now or until a moment ago (see
// Backend.linger). One login and one realtime link serve all of the user's sessions. It
// implements feed.Member.
type member struct {
	account *directus.Account
	names   *people.Directory
	rights  *rights.Cache
	topics  *topics
	markers *markers.Book
	recheck time.Duration // longest time between two checks; see Options.Recheck
	rt      *directus.Realtime
	feeds   *feed.Set
	doubts  *doubts // of the Backend
	log     zerolog.Logger
	person  people.Person    // as found by the first session
	secret  guard.SecretHash // of the password or token of the login
	// accepted is when Directus last accepted the secret; guarded by Backend.mu.
	accepted time.Time

	rooms roomList // has a lock of its own

	ctx    context.Context // of all goroutines of the member
	cancel context.CancelFunc
	reads  *budget.User
	// Mutexes with a deadline: changing is held while a stored item is changed, turn by
	// CheckRights, and checking by checkLately.
	changing, turn, checking *semaphore.Weighted
	// honoured is the count of rights.Cache.Changes that the member's feeds have been
	// adapted to. Whoever holds turn stores it.
	honoured atomic.Int64

	wg sync.WaitGroup // the goroutines started by begin, joined by close

	mu       sync.Mutex
	checkup  *time.Timer            // starts the next check; guarded by mu
	keeping  bool                   // startMarkers was called; guarded by mu
	sessions map[*session]struct{}  // guarded by mu
	watches  map[string]*topicWatch // by the collection of the topics; guarded by mu
	link     directus.State         // guarded by mu
	back     time.Time              // when a client was told that Directus is back; guarded by mu
	checked  time.Time              // when the last successful check began; guarded by mu
	ended    error                  // why the Directus session is over; guarded by mu
	silent   time.Time              // until then Directus is not expected to answer; guarded by mu
	probed   time.Time              // the last send that tested whether Directus answers again; guarded by mu
}

func newMember(names *people.Directory, may *rights.Cache, book *markers.Book, fs *feed.Set, recheck time.Duration, log zerolog.Logger) *member {
	account := names.Account()
	m := &member{
		account: account, names: names, rights: may, recheck: recheck, feeds: fs, log: log,
		reads:  budget.NewUser(),
		topics: &topics{account: account, turn: semaphore.NewWeighted(1)}, markers: book,
		changing: semaphore.NewWeighted(1), turn: semaphore.NewWeighted(1), checking: semaphore.NewWeighted(1), checked: time.Now(),
		sessions: map[*session]struct{}{}, watches: map[string]*topicWatch{},
	}
	m.honoured.Store(may.Changes())
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.rt = account.Realtime(directus.RealtimeOptions{OnState: m.onState, OnDemand: true})
	m.begin(func() error {
		if err := m.rt.Run(m.ctx); m.ctx.Err() == nil {
			return errors.Join(errLinkEnded, err)
		}
		return nil
	})
	m.mu.Lock()
	m.checkAfter(m.recheckTime())
	m.mu.Unlock()
	if m.markers.IsUnwritten() { // by the user's previous member
		m.startMarkers()
	}
	return m
}

var errLinkEnded = errors.New("realtime link ended")

// begin runs part in a goroutine that close joins. An error or a panic in it ends the member
// and so all sessions of the user, whose clients may reconnect.
func (m *member) begin(part func() error) {
	m.wg.Go(func() {
		if err := ircd.Recover(&m.log, part); err != nil {
			m.End(err)
		}
	})
}

// startMarkers starts the goroutine that stores read markers, when the user sets the first
// one: many users never do.
func (m *member) startMarkers() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.keeping {
		m.keeping = true
		m.begin(func() error { m.markers.Keep(m.ctx, m.log); return nil })
	}
}

func (m *member) add(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s] = struct{}{}
}

// remove removes a session from the member and reports whether it was the last one.
func (m *member) remove(s *session) (last bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, s)
	return len(m.sessions) == 0
}

func (m *member) inUse() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions) > 0
}

func (m *member) ring() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s := range m.sessions {
		s.ring()
	}
}

// tell puts an event into the mailboxes of all sessions of the user except but, which may be
// nil. It replaces an earlier event with the same key.
func (m *member) tell(but *session, key string, ev ircd.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for s := range m.sessions {
		if s != but {
			s.mail.put(key, ev)
			s.ring()
		}
	}
}

// End implements feed.Member: it records that the Directus session is over for good.
func (m *member) End(err error) {
	m.mu.Lock()
	again := m.ended != nil || m.ctx.Err() != nil
	m.ended = err
	m.mu.Unlock()
	if again {
		return
	}
	m.log.Info().AnErr("cause", err).Msg("directus session ended")
	m.feeds.Linked(m)
	m.ring()
}

// IsOver implements feed.Member: it reports that the member has ended or was closed.
func (m *member) IsOver() bool {
	_, ended := m.health()
	return ended != nil || m.ctx.Err() != nil
}

// close ends the member's goroutines and logs out of Directus. ctx bounds storing the read
// markers and the logout; the goroutines end at once.
func (m *member) close(ctx context.Context) error {
	m.mu.Lock()
	m.cancel()
	m.checkup.Stop()
	m.mu.Unlock()
	m.rooms.leave(m)
	m.wg.Wait()
	if _, ended := m.health(); ended != nil && !errors.Is(ended, ircd.ErrPanic) {
		return nil
	}
	if err := m.markers.Flush(ctx); err != nil {
		m.log.Debug().Err(err).Msg("store read markers")
	}
	return m.account.Logout(ctx)
}

// recheckTime is the time until the next check. It leaves at least a tenth of the promised
// time for the answer and for retries.
func (m *member) recheckTime() time.Duration { return m.recheck*7/10 + rand.N(m.recheck/5) }

// checkAfter schedules the next check, which gets a goroutine of its own. The caller holds
// mu.
func (m *member) checkAfter(wait time.Duration) {
	m.checkup = time.AfterFunc(wait, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.ctx.Err() == nil { // close may have stopped waiting for goroutines
			m.begin(func() error { m.checkNow(); return nil })
		}
	})
}

// checkNow makes a check and schedules the next one, sooner if it has failed.
func (m *member) checkNow() {
	wait := m.recheckTime()
	if err := m.check(m.ctx, true); err != nil {
		m.log.Debug().Err(err).Msg("check the user")
		wait = directus.Jitter(m.recheck / 20)
		m.ring() // the sessions tell their clients when the check is overdue
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() == nil {
		m.checkAfter(wait)
	}
}

// check asks Directus for changes that it does not push to open sessions: whether the user
// was suspended or deleted, or got another password, token or role. Directus does enforce a
// lost permission at once, but nobody would notice before the next event. The name is read again
// if profile is set, or if that takes no request of its own.
func (m *member) check(ctx context.Context, profile bool) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	begun := time.Now()
	me, err := m.checkAccount(ctx)
	if errors.Is(err, directus.ErrLoggedOut) {
		m.End(err)
		return nil
	}
	if err != nil {
		return err
	}
	if profile || me != nil {
		m.renewProfile(ctx, me)
	}
	m.refreshMarkers(ctx, 0)
	m.rooms.doubt(m)
	m.tell(nil, "acquaintances", &ircd.Acquaintances{}) // the rule for which users are visible may have changed
	m.mu.Lock()
	m.checked = begun
	m.mu.Unlock()
	m.ring()
	return nil
}

// checkAccount asks whether the session or the token is still good, and for the rights. A token
// may be given to another user between any two requests: whose it is is asked behind the rights,
// which count only if it is the member's. me is what that question told; nil if it was not asked.
func (m *member) checkAccount(ctx context.Context) (me directus.User, err error) {
	if !m.account.IsStatic() {
		if err := m.account.Check(ctx); err != nil {
			return nil, err
		}
		return nil, m.CheckRights(ctx)
	}
	return me, m.renewRights(ctx, func() (err error) {
		me, err = m.account.CheckMe(ctx, m.names.OwnFields())
		return err
	})
}

// checkLately is check for many callers at once: each waits for a check in progress, and uses
// the result of any that began after its call.
func (m *member) checkLately(ctx context.Context) error {
	asked := time.Now()
	if err := m.checking.Acquire(ctx, 1); err != nil {
		return err
	}
	defer m.checking.Release(1)
	m.mu.Lock()
	known := m.checked.After(asked)
	m.mu.Unlock()
	if known {
		return nil
	}
	return m.check(ctx, false)
}

// CheckRights implements feed.Member: it reads the permissions of the session's role again.
// If they have changed, the user leaves the feeds that were shared with people who may now
// read more, or less.
func (m *member) CheckRights(ctx context.Context) error { return m.renewRights(ctx, nil) }

// renewRights is CheckRights with a proof; see rights.Cache.Renew.
func (m *member) renewRights(ctx context.Context, prove func() error) error {
	if err := m.turn.Acquire(ctx, 1); err != nil {
		return err
	}
	defer m.turn.Release(1)
	err := m.rights.Renew(ctx, prove)
	if changes := m.rights.Changes(); changes != m.honoured.Load() {
		m.names.Forget()
		m.forgetTopics()
		m.feeds.Expel(m)
		m.feeds.Reread(m)
		m.rooms.renew(m)
		m.honoured.Store(changes)
		m.ring() // shared feeds were not shown while rights and feeds differed: see isVerified
	}
	return err
}

// renewProfile takes the user's present name, and tells the user's sessions if it has changed.
// me is what Directus has just told of the user; if it is nil, it is asked.
func (m *member) renewProfile(ctx context.Context, me directus.User) {
	realname, changed, err := m.names.Renew(ctx, me)
	if err != nil {
		m.log.Debug().Err(err).Msg("read the user's name again")
	}
	if changed {
		m.tell(nil, "profile", &ircd.Profile{Realname: realname})
	}
}

// What follows lets feeds read as the member.

func (m *member) Account() *directus.Account   { return m.account }
func (m *member) Realtime() *directus.Realtime { return m.rt }
func (m *member) Names() *people.Directory     { return m.names }
func (m *member) Rights() *rights.Cache        { return m.rights }
func (m *member) Log() *zerolog.Logger         { return &m.log }
