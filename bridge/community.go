package bridge

import (
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rights"
	"directus-ircd/bridge/state"
	"directus-ircd/directus"

	"golang.org/x/time/rate"
)

// community is what is known of the people of one Directus, whoever looks at them. All
// directories share it.
type community struct {
	*nicks
	company  *company
	censuses *censuses
}

// newCommunity takes over the nicks that were kept of the people of a Directus, which is
// named by its origin.
func newCommunity(store *state.Store, kept *storedNickTable, origin string) *community {
	return &community{nicks: newNicks(store, kept, origin), company: newCompany(), censuses: newCensuses()}
}

// storedNickTable is where nicks outlive the daemon.
type storedNickTable = state.Table[storedNicks]

// newStoredNicks makes the table of a store.
func newStoredNicks(s *state.Store) *storedNickTable {
	return state.NewTable[storedNicks](s, "nicks 1", "nicks")
}

// directoryOptions say how people are shown.
type directoryOptions struct {
	NickFields []string // of directus_users, tried in this order to form the nick
	PublicURL  string   // the base of links to files
	// Life is how long a name read from Directus is believed, so that a change of name or
	// of the right to read it is seen without asking for each message.
	Life time.Duration
}

// newDirectory is that of the user of an account, of whom may says what that is.
func (c *community) newDirectory(account *directus.Account, may *rights.Cache, opts directoryOptions) *directory {
	return &directory{
		account: account, rights: may, nicks: c.nicks, censuses: c.censuses, company: c.company,
		fields: opts.NickFields, publicURL: opts.PublicURL, life: opts.Life,
		shelf:    &shelf{account: account, life: opts.Life},
		searches: rate.NewLimiter(searchRate, searchBurst),
	}
}

// audience is what Directus has said of the user that lets a feed of a group be shared;
// empty if nothing does.
func (d *directory) audience(g *collection.Group) collection.Audience {
	said := d.rights.Audience(g, d.fields)
	if said != "" {
		said += collection.Audience(d.publicURL)
	}
	return said
}
