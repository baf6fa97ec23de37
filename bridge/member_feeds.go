package bridge

import (
	"github.com/rs/zerolog"

	"directus-ircd/bridge/people"
	"directus-ircd/bridge/rights"
	"directus-ircd/directus"
)

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
