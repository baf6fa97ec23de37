package ircd

// changedBy is the source of lines about what became of a message, a new text or its
// deletion: whoever did it, or the service where that is not known. The author is no
// guess for it: an administrator or a moderator may have done it elsewhere.
func (s *Server) changedBy(by User) User {
	if by.ID == "" {
		return serviceUser(s.source)
	}
	return by
}

// serviceUser is whom ServiceNotices come from: the daemon itself.
func serviceUser(server string) User {
	return User{Nick: "directus", Username: "service", Host: server}
}

// sourced is a message with its source in By. It is m itself but for an edit by nobody
// known, as events are shared.
func (s *Server) sourced(m *Message) *Message {
	if m.Edits == "" || m.By.ID != "" {
		return m
	}
	edit := *m
	edit.By = s.changedBy(m.By)
	return &edit
}

// source is who says a message: its author or, of a new text, whoever changed it.
func (m *Message) source() User {
	if m.Edits == "" {
		return m.From
	}
	return m.By
}

// byAuthor reports that a message was surely deleted by its author.
func (r *Redaction) byAuthor() bool { return r.By.ID != "" && r.By.ID == r.From.ID }

// undoing is what a line looks like by which something is taken back: by is who did it,
// zero if that is not known, and said is what it was, by from, to a channel or a user.
// In a private conversation clients look for it in the window of the other person, who is
// the source of the line or its target.
func (s *Server) undoing(by User, target string, from, to, reader User) (source User, window string) {
	source = s.changedBy(by)
	if target != "" {
		return source, target
	}
	self, other := from, to
	if reader.ID == to.ID {
		self, other = to, from
	}
	if by.ID != "" && by.ID == other.ID {
		return source, self.Nick
	}
	return source, other.Nick
}
