package guard

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"directus-ircd/bridge/state"
)

const (
	// maxCounters bounds the counters of accounts that nobody is known to have logged in
	// to, whose names may be invented; maxSecrets those of accounts whose last good
	// password is remembered.
	maxCounters = 25000
	maxSecrets  = 50000
	// digestRounds, of PBKDF2, slows down guesses by somebody who has got hold of the state
	// file. One check takes some 2 ms. Without a file a single round does.
	digestRounds = 10000
	// usedResolution is the precision of storedLogin.Used.
	usedResolution = 24 * time.Hour
	// floorName is the row that holds the floor; all others have names of 32 digits.
	floorName = "floor"
	// keyName is the only row of the table of the key.
	keyName = "names"
)

// storedLogin is the row of an account in the state.
type storedLogin struct {
	Failures int      `json:"failures,omitempty"` // in a row, as Directus counts them
	Last     int64    `json:"last,omitempty"`     // Unix time of the last failure, in seconds
	Networks []uint32 `json:"networks,omitempty"` // those that failed, by hash; at most as many as failures
	Secret   []byte   `json:"secret,omitempty"`   // see ledger.digest; nil: none is remembered
	Used     int64    `json:"used,omitempty"`     // Unix time of a success, as exact as usedResolution
}

// ledger counts the failed logins of each account since the last success. It is kept in the
// state, because Directus does not forget them either. Names, networks and passwords are
// stored as keyed hashes only.
//
// Its size is bounded, yet no counter is dropped in favour of another: when there are too
// many, the lowest are merged into the floor, a number of failures that is assumed of every
// account without a counter. So an account may be thought to have more failures than it has,
// but never fewer. It takes maxCounters failures with different names to raise the floor by
// one.
//
// All methods but digest, name, network and mac are called with Limiter.mu held.
type ledger struct {
	rows   *state.Table[storedLogin]
	key    []byte
	origin string           // the Directus of the accounts
	now    func() time.Time // by its clock
	rounds int              // of a digest
	most   int              // counters: maxCounters

	floor      int // guarded by Limiter.mu
	counted    int // rows without a secret; guarded by Limiter.mu
	remembered int // rows with a secret; guarded by Limiter.mu
}

// Kept holds the buckets of failed logins, which outlive the daemon.
type Kept struct {
	logins *state.Table[storedLogin]
	key    *state.Table[[]byte] // of the hashes
	store  *state.Store
}

// NewKept makes the buckets of a store, before it loads them.
func NewKept(s *state.Store) Kept {
	return Kept{
		logins: state.NewTable[storedLogin](s, "logins 1", "failed logins"),
		key:    state.NewTable[[]byte](s, "login key 1", "the key of failed logins"),
		store:  s,
	}
}

// Buckets lists them for the store.
func (k Kept) Buckets() []state.Bucket { return []state.Bucket{k.logins, k.key} }

func newLedger(c Kept, origin string, now func() time.Time) *ledger {
	l := &ledger{rows: c.logins, origin: origin, now: now, rounds: 1, most: maxCounters}
	if c.store.HasFile() {
		l.rounds = digestRounds
	}
	var ok bool
	if l.key, ok = c.key.Get(keyName); !ok || len(l.key) != sha256.Size {
		l.key = make([]byte, sha256.Size)
		rand.Read(l.key)
		c.key.Put(keyName, l.key)
		for name := range l.rows.All() {
			l.rows.Drop(name) // without the old key its account cannot be found
		}
		return l
	}
	for name, row := range l.rows.All() {
		switch {
		case name == floorName:
			l.floor = row.Failures
		case row.Secret != nil:
			l.remembered++
		default:
			l.counted++
		}
	}
	return l
}

// mac returns a keyed hash of parts, the first of which tells kinds of hashes apart.
func (l *ledger) mac(parts ...string) []byte {
	mac := hmac.New(sha256.New, l.key)
	for _, part := range parts {
		mac.Write(binary.AppendUvarint(nil, uint64(len(part))))
		mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// name returns the name of an account in the ledger. Names that differ only in case, accents,
// spaces or characters that are not seen are the same, as some databases, and all directories
// (RFC 4518), take them for equal.
func (l *ledger) name(email string) string {
	if strings.ContainsFunc(email, func(r rune) bool { return r > unicode.MaxASCII }) {
		bare := transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), runes.Remove(runes.In(unicode.Cf)))
		if folded, _, err := transform.String(bare, email); err == nil {
			email = folded
		}
	}
	return hex.EncodeToString(l.mac("account", l.origin, strings.ToLower(strings.Join(strings.Fields(email), " ")))[:16])
}

// network returns a hash of the network of an address: the first 48 bits of IPv6, as one
// customer may have that many addresses, and 24 bits of IPv4.
func (l *ledger) network(remote string) uint32 {
	return binary.BigEndian.Uint32(l.mac("network", networkOf(remote, 24, 48)))
}

// networkOf names the network of an address: its first bits, of IPv4 or IPv6.
func networkOf(remote string, bits4, bits6 int) string {
	ip, err := netip.ParseAddr(remote)
	if err != nil {
		return remote
	}
	bits := bits6
	if ip = ip.Unmap(); ip.Is4() {
		bits = bits4
	}
	return netip.PrefixFrom(ip, bits).Masked().String()
}

// digest returns the hash by which a password is remembered. It takes milliseconds where the
// state has a file. The caller holds no lock that others wait for.
func (l *ledger) digest(name, password string) []byte {
	d, err := pbkdf2.Key(sha256.New, password, l.mac("password", name), l.rounds, 16)
	if err != nil {
		return nil // FIPS mode forbids it: no password is remembered
	}
	return d
}

// of returns the row of an account; one that has none is at the floor.
func (l *ledger) of(name string) storedLogin {
	if row, ok := l.rows.Get(name); ok {
		return row
	}
	return storedLogin{Failures: l.floor}
}

// fail counts a failure, with the networks that it speaks against: none if Directus has not
// answered, but may have counted the attempt. wasSecret means that the password that failed was
// the remembered one, which is forgotten then.
func (l *ledger) fail(name string, wasSecret bool, networks ...uint32) {
	row := l.of(name)
	row.Failures++
	row.Last = l.now().Unix()
	for _, network := range networks {
		if !slices.Contains(row.Networks, network) && len(row.Networks) < maxFailures {
			row.Networks = append(slices.Clone(row.Networks), network)
		}
	}
	if wasSecret {
		row.Secret = nil
	}
	l.put(name, row)
}

// succeed forgets all failures but the last few, which came since the attempt began. It
// remembers digest, of the password; nil means that it is remembered already.
func (l *ledger) succeed(name string, since int, digest []byte) {
	row := l.of(name)
	now := l.now()
	if digest == nil {
		digest = row.Secret
	}
	if row.Failures == 0 && subtle.ConstantTimeCompare(row.Secret, digest) == 1 && now.Sub(time.Unix(row.Used, 0)) < usedResolution {
		return
	}
	row.Failures, row.Networks, row.Secret, row.Used = min(row.Failures, since), nil, digest, now.Unix()
	l.put(name, row)
}

// put stores a row, and makes room for it.
func (l *ledger) put(name string, row storedLogin) {
	if old, ok := l.rows.Get(name); ok {
		l.forget(name, old)
	}
	if row.Secret != nil {
		if l.remembered >= maxSecrets {
			l.forgetSecrets()
		}
		l.remembered++
		l.rows.Put(name, row)
		return
	}
	for l.counted >= l.most {
		l.raiseFloor()
	}
	if row.Failures > l.floor {
		l.counted++
		l.rows.Put(name, row)
	}
}

func (l *ledger) forget(name string, row storedLogin) {
	if row.Secret != nil {
		l.remembered--
	} else {
		l.counted--
	}
	l.rows.Drop(name)
}

// raiseFloor raises the floor by one and drops the counters that are not above it.
func (l *ledger) raiseFloor() {
	l.floor++
	l.rows.Put(floorName, storedLogin{Failures: l.floor})
	for name, row := range l.rows.All() {
		if name != floorName && row.Secret == nil && row.Failures <= l.floor {
			l.forget(name, row)
		}
	}
}

// forgetSecrets forgets a tenth of the passwords, the least recently used ones.
func (l *ledger) forgetSecrets() {
	rows := l.rows.All()
	maps.DeleteFunc(rows, func(_ string, row storedLogin) bool { return row.Secret == nil })
	names := slices.SortedFunc(maps.Keys(rows), func(a, b string) int { return int(rows[a].Used - rows[b].Used) })
	for _, name := range names[:len(names)/10+1] {
		row := rows[name]
		row.Secret = nil
		l.put(name, row)
	}
}
