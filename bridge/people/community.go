package people

import (
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rights"
	"directus-ircd/bridge/state"
	"directus-ircd/directus"

	"golang.org/x/time/rate"
)

// Community is what is known of the people of one Directus, whoever looks at them. All
// directories share it.
type Community struct {
	*nicks
	Company  *company
	censuses *censuses
}

// NewCommunity takes over the nicks that were kept of the people of a Directus, which is
// named by its origin.
func NewCommunity(store *state.Store, kept *NickTable, origin string) *Community {
	return &Community{nicks: newNicks(store, kept, origin), Company: newCompany(), censuses: newCensuses()}
}

// NickTable is where nicks outlive the daemon.
type NickTable = state.Table[storedNicks]

// NewNickTable makes the table of a store.
func NewNickTable(s *state.Store) *NickTable {
	return state.NewTable[storedNicks](s, "nicks 1", "nicks")
}

// Options say how people are shown.
type Options struct {
	NickFields []string // of directus_users, tried in this order to form the nick
	PublicURL  string   // the base of links to files
	// Life is how long a name read from Directus is believed, so that a change of name or
	// of the right to read it is seen without asking for each message.
	Life time.Duration
}

// NewDirectory is that of the user of an account, of whom may says what that is.
func (c *Community) NewDirectory(account *directus.Account, may *rights.Cache, opts Options) *Directory {
	return &Directory{
		Account: account, Rights: may, nicks: c.nicks, censuses: c.censuses, company: c.Company,
		fields: opts.NickFields, publicURL: opts.PublicURL, life: opts.Life,
		shelf:    &shelf{account: account, life: opts.Life},
		searches: rate.NewLimiter(searchRate, searchBurst),
	}
}

// Audience is what Directus has said of the user that lets a feed of a group be shared;
// empty if nothing does.
func (d *Directory) Audience(g *collection.Group) collection.Audience {
	said := d.Rights.Audience(g, d.fields)
	if said != "" {
		said += collection.Audience(d.publicURL)
	}
	return said
}
