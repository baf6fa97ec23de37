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

// source is the source of a REDACT line, and window its target. In a private conversation
// clients look for the message in the window of the other person, as the source or as the
// target of the line; so there the two people stand in it also where nobody knows who
// deleted the message, and the line claims no account.
func (r *Redaction) source(s *Server) (source User, window string) {
	by := s.changedBy(r.By)
	switch {
	case r.Target != "":
		return by, r.Target
	case by.ID == r.To.ID:
		return by, r.From.Nick
	case by.ID == r.From.ID:
		return by, r.To.Nick
	}
	return r.From, r.To.Nick
}
