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
		s.backend.people.company.enter(j.Name, s.person.id)
	} else {
		s.backend.people.company.leave(j.Name, s.person.id)
	}
}

// Knows implements ircd.Session.
func (s *session) Knows(id string) ircd.Acquaintance { return s.member.names.knows(id) }
