package people

import (
	"slices"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rights"
	"directus-ircd/bridge/state"
	"directus-ircd/directus"

	"golang.org/x/time/rate"
)

// Community is what the users of one Directus share: their nicks, which users are in which
// channels, and the censuses. All directories refer to it. Any goroutine may use it.
type Community struct {
	*nicks
	Company  *company
	censuses *censuses
	shared   *commonNames
}

// NewCommunity loads the nicks of the Directus at origin from a table.
func NewCommunity(store *state.Store, kept *NickTable, origin string) *Community {
	return &Community{nicks: newNicks(store, kept, origin), Company: newCompany(), censuses: newCensuses(), shared: &commonNames{}}
}

// NickTable holds the nicks that outlive the daemon.
type NickTable = state.Table[storedNicks]

// NewNickTable makes the table of a store. Call it where the store is opened.
func NewNickTable(s *state.Store) *NickTable {
	return state.NewTable[storedNicks](s, "nicks 1", "nicks")
}

// Options tell how people are shown.
type Options struct {
	NickFields []string // of directus_users, tried in this order to form the nick
	// AccountField is the field of directus_users with the account name; empty: the nick is it.
	AccountField string
	PublicURL    string // of Directus, the base of links to files
	// Life is how long a name that was read from Directus is taken to be unchanged. It
	// bounds how late a change of the name, or of the right to read it, shows.
	Life time.Duration
}

// NewDirectory makes the directory of an account's user; may holds the rights of that user.
func (c *Community) NewDirectory(account *directus.Account, may *rights.Cache, opts Options) *Directory {
	fields := slices.Clone(opts.NickFields)
	if opts.AccountField != "" {
		fields = append(fields, opts.AccountField)
	}
	return &Directory{
		account: account, rights: may, nicks: c.nicks, censuses: c.censuses, shared: c.shared, company: c.Company,
		fields: fields, names: opts.NickFields, publicURL: opts.PublicURL, life: opts.Life,
		attachments: &attachments{account: account, life: opts.Life},
		searches:    rate.NewLimiter(searchRate, searchBurst),
	}
}

// Audience returns the audience of a group that the user belongs to; empty if Directus has
// not said enough for a feed to be shared. It asks Directus nothing.
func (d *Directory) Audience(g *collection.Group) collection.Audience {
	said, _ := d.rights.Audience(g, d.fields)
	if said != "" {
		said += collection.Audience(d.publicURL)
	}
	return said
}

// Alone says for the operator why the user belongs to no audience of a group; empty if to one.
func (d *Directory) Alone(g *collection.Group) string {
	_, why := d.rights.Audience(g, d.fields)
	return why
}
