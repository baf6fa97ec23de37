package bridge

import (
	"directus-ircd/bridge/guard"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/resume"
	"directus-ircd/bridge/state"

	"github.com/rs/zerolog"
)

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
