package bridge

import (
	"context"
	"errors"
	"math/rand/v2"
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
	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// member is a Directus user with at least one session, now or a moment ago: one login and one realtime
// link serve all connections of that user, and at least one reads what the link
// brings, unless that is brought by another's.
type member struct {
	account *directus.Account
	names   *people.Directory
	rights  *rights.Cache
	topics  *topics
	markers *markers.Book
	recheck time.Duration // see check
	rt      *directus.Realtime
	feeds   *feed.Set
	log     zerolog.Logger
	person  people.Person    // as the first session found it
	secret  guard.SecretHash // of what it logged in with
	// accepted is when Directus accepted the secret last; guarded by the backend's mu.
	accepted time.Time

	ctx    context.Context // ends the link
	cancel context.CancelFunc
	// changing is held while something stored is changed; cap 1.
	changing chan struct{}
	reads    *budget.User
	turn     chan struct{} // held by checkRights; cap 1
	checking chan struct{} // held by checkLately; cap 1
	// honoured is the number of changes of rights by which the feeds that the member
	// reads were looked at; stored by who holds turn.
	honoured atomic.Int64

	wg sync.WaitGroup // the link and what else runs here, joined by close

	mu       sync.Mutex
	checkup  *time.Timer            // for the next check; guarded by mu
	keeping  bool                   // the markers are kept; guarded by mu
	sessions map[*session]struct{}  // guarded by mu
	watches  map[string]*topicWatch // of topics, by their collection; guarded by mu
	link     directus.State         // guarded by mu
	checked  time.Time              // when check began last, of those that Directus answered; guarded by mu
	ended    error                  // why the Directus session is over; guarded by mu
	silent   time.Time              // until then sends are not expected to be answered; guarded by mu
	probed   time.Time              // the last send while in trouble; guarded by mu
}

func newMember(names *people.Directory, may *rights.Cache, book *markers.Book, fs *feed.Set, recheck time.Duration, log zerolog.Logger) *member {
	account := names.Account()
	m := &member{
		account: account, names: names, rights: may, recheck: recheck, feeds: fs, log: log,
		reads:  budget.NewUser(),
		topics: &topics{account: account, turn: make(chan struct{}, 1)}, markers: book,
		changing: make(chan struct{}, 1), turn: make(chan struct{}, 1), checking: make(chan struct{}, 1), checked: time.Now(),
		sessions: map[*session]struct{}{}, watches: map[string]*topicWatch{},
	}
	m.honoured.Store(may.Changes())
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.rt = account.Realtime(directus.RealtimeOptions{OnState: m.onState})
	m.begin(func() error {
		if err := m.rt.Run(m.ctx); m.ctx.Err() == nil {
			return errors.Join(errLinkEnded, err)
		}
		return nil
	})
	m.mu.Lock()
	m.checkAfter(m.recheckTime())
	m.mu.Unlock()
	if m.markers.IsUnwritten() { // left by the member before
		m.startMarkers()
	}
	return m
}

var errLinkEnded = errors.New("realtime link ended")

// begin starts a part of the member, which close joins. Its error, or a panic, ends
// the member, and with it the user's sessions: they may come back.
func (m *member) begin(part func() error) {
	m.wg.Go(func() {
		if err := ircd.Recover(&m.log, part); err != nil {
			m.End(err)
		}
	})
}

// startMarkers begins to store read markers, which not everybody sets.
func (m *member) startMarkers() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.keeping {
		m.keeping = true
		m.begin(func() error { m.markers.Keep(m.ctx, m.log); return nil })
	}
}

// add and remove keep the set of sessions; remove reports whether it was the
// last.
func (m *member) add(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s] = struct{}{}
}

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

// tell leaves something for all sessions of the user but one, which may be nil.
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

// onState is called from the link's goroutine.
func (m *member) onState(state directus.State) {
	m.mu.Lock()
	changed := m.link.Up != state.Up
	m.link = state
	m.mu.Unlock()
	if changed {
		m.feeds.Linked()
	}
	m.ring()
}

func (m *member) IsUp() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.link.Up
}

// failing reports that connecting has failed, so that waiting is in vain.
func (m *member) failing() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.link.Up && m.link.Failures > 0
}

// health is what sessions tell their clients about the link. An outage counts
// from the second failed attempt to connect: a restart goes unnoticed.
func (m *member) health() (down bool, ended error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.link.Up && m.link.Failures >= 2, m.ended
}

// End records that the session is over for good.
func (m *member) End(err error) {
	m.mu.Lock()
	again := m.ended != nil || m.ctx.Err() != nil
	m.ended = err
	m.mu.Unlock()
	if again {
		return
	}
	m.log.Info().AnErr("cause", err).Msg("directus session ended")
	m.feeds.Linked()
	m.ring()
}

// IsOver reports that the member does nothing any more.
func (m *member) IsOver() bool {
	_, ended := m.health()
	return ended != nil || m.ctx.Err() != nil
}

// close ends the link and the Directus session. ctx bounds the logout only:
// what runs here ends at once when told to.
func (m *member) close(ctx context.Context) error {
	m.mu.Lock()
	m.cancel()
	m.checkup.Stop()
	m.mu.Unlock()
	m.wg.Wait()
	if _, ended := m.health(); ended != nil && !errors.Is(ended, ircd.ErrPanic) {
		return nil
	}
	if err := m.markers.Flush(ctx); err != nil {
		m.log.Debug().Err(err).Msg("store read markers")
	}
	return m.account.Logout(ctx)
}

// setSilent notes whether Directus left a send unanswered for that long. What
// was not waited for long enough proves nothing: a Directus that is merely slow
// must find back, and a link that broke says nothing about the next one.
func (m *member) setSilent(silent bool, waited time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !silent:
		m.silent = time.Time{}
	case waited > silentTimeout:
		m.silent = time.Now().Add(silentLife)
	}
}

// patience is how long a send may take. While Directus has been away for long,
// or takes requests without answering, one send in a while tries, and shortly;
// the others are refused at once (0), so that a paste does not hold up the
// lines behind it.
func (m *member) patience() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	left := sendTimeout
	if !m.link.Up && !m.link.Since.IsZero() {
		left -= now.Sub(m.link.Since)
	}
	if left > silentTimeout && !now.Before(m.silent) {
		return left
	}
	if now.Sub(m.probed) < collection.ProbePeriod {
		return 0
	}
	m.probed = now
	return silentTimeout
}

// recheckTime is the time from one check to the next. A tenth of what is promised is
// for the answer, and for asking again.
func (m *member) recheckTime() time.Duration { return m.recheck*7/10 + rand.N(m.recheck/5) }

// checkAfter makes the next check after a while, on a goroutine that only that one
// has. The caller holds mu.
func (m *member) checkAfter(wait time.Duration) {
	m.checkup = time.AfterFunc(wait, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.ctx.Err() == nil { // else nobody would join it
			m.begin(func() error { m.checkNow(); return nil })
		}
	})
}

// checkNow asks Directus what has become of the user, and will again.
func (m *member) checkNow() {
	wait := m.recheckTime()
	if err := m.check(m.ctx); err != nil {
		m.log.Debug().Err(err).Msg("check the user")
		wait = directus.Jitter(m.recheck / 20)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() == nil {
		m.checkAfter(wait)
	}
}

// check finds out what Directus tells no open session: that the user was
// suspended or deleted, or has another password, token or role. A lost permission
// Directus honours at once, but says nothing of before there is an event: this
// does.
func (m *member) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	begun := time.Now()
	if err := m.account.Check(ctx); err != nil {
		if errors.Is(err, directus.ErrLoggedOut) {
			m.End(err)
			return nil
		}
		return err
	}
	if err := m.CheckRights(ctx); err != nil {
		return err
	}
	m.renewProfile(ctx)
	m.tell(nil, "acquaintances", &ircd.Acquaintances{}) // a rule for users may be another
	m.mu.Lock()
	m.checked = begun
	m.mu.Unlock()
	m.ring()
	return nil
}

// checkLately is check for many who come at once: they wait for who is at it, and one
// that has begun since is theirs as well.
func (m *member) checkLately(ctx context.Context) error {
	asked := time.Now()
	select {
	case m.checking <- struct{}{}:
		defer func() { <-m.checking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	m.mu.Lock()
	known := m.checked.After(asked)
	m.mu.Unlock()
	if known {
		return nil
	}
	return m.check(ctx)
}

// CheckRights finds out whether the user's permissions have changed, those of the
// role that the session has. It takes the user off the feeds that are shared with
// people who may read more, or less.
func (m *member) CheckRights(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := m.rights.Renew(ctx)
	if changes := m.rights.Changes(); changes != m.honoured.Load() {
		m.names.Forget()
		m.topics.forget()
		m.feeds.Expel(m)
		m.feeds.Reread(m)
		m.honoured.Store(changes)
		m.ring() // nothing shared was shown meanwhile
	}
	return err
}

// isVerified reports whether the proof is fresh enough to be believed, and the member
// where it is to be with it.
func (m *member) isVerified() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.checked) <= m.recheck && m.rights.Changes() == m.honoured.Load()
}

// renewProfile looks whether the user has got another name.
func (m *member) renewProfile(ctx context.Context) {
	realname, changed, err := m.names.Renew(ctx)
	if err != nil {
		m.log.Debug().Err(err).Msg("look for another name")
	}
	if changed {
		m.tell(nil, "profile", &ircd.Profile{Realname: realname})
	}
}

// Account implements Member.
func (m *member) Account() *directus.Account { return m.account }

// Realtime implements Member.
func (m *member) Realtime() *directus.Realtime { return m.rt }

// Names implements Member.
func (m *member) Names() *people.Directory { return m.names }

// Rights implements Member.
func (m *member) Rights() *rights.Cache { return m.rights }

// Log implements Member.
func (m *member) Log() *zerolog.Logger { return &m.log }
