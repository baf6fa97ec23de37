package bridge

import (
	"directus-ircd/ircd"
)

// setPresent notes whether the client is in a channel.
func (s *session) setPresent(j *joined, present bool) {
	if j.Private || present == j.present {
		return
	}
	j.present = present
	if present {
		s.backend.people.Company.Enter(j.Name, s.person.ID)
	} else {
		s.backend.people.Company.Leave(j.Name, s.person.ID)
	}
}

// Knows implements ircd.Session.
func (s *session) Knows(id string) ircd.Acquaintance { return s.member.names.Knows(id) }
