package ircd

import "fmt"

// Error is a reply as an error: the client is told exactly what a Session returns.
type Error struct {
	// Numeric is the three-digit reply, such as "404". Without one, the client is sent a
	// FAIL with the Code or, if it does not understand that, a NOTICE.
	Numeric string
	// Params go between the client's nick and Text, such as the channel. In 263 they follow
	// the command that the client has sent. In a FAIL they are the context.
	Params []string
	// Text tells the user what happened and what to do about it.
	Text string
	// Code is the machine-readable code of the FAIL that clients which understand it get, if
	// there is no numeric or the FAIL replaces it; empty if there is none.
	Code string
	// Lost says that a message was not stored, or perhaps was not, for no reason that its
	// sender could know: see conn.loseNotice.
	Lost bool
	// Err is the cause. It is logged but never sent.
	Err error
}

func (e *Error) Error() string {
	name := e.Numeric
	if name == "" {
		name = e.Code
	}
	if e.Err != nil {
		return fmt.Sprintf("%s %s: %v", name, e.Text, e.Err)
	}
	return name + " " + e.Text
}

func (e *Error) Unwrap() error { return e.Err }

// Moved is the error of a Join by a name that the channel had before.
type Moved struct {
	Name string // that it has now
}

func (e *Moved) Error() string { return "the channel is called " + e.Name + " now" }

// Refusal is why a login did not succeed.
type Refusal int

// The reasons of a LoginError.
const (
	// Rejected: the credentials are wrong. 464, or 904 under SASL.
	Rejected Refusal = iota
	// Unavailable: the credentials could not be checked. The client may come back with
	// the same ones and is never told that they are wrong.
	Unavailable
	// OTPRequired: the credentials are right, but a one-time code is missing or wrong.
	// The connection waits for the OTP command and calls Login again.
	OTPRequired
	// Limited: there were too many attempts, so the credentials were not checked.
	Limited
)

func (r Refusal) String() string {
	switch r {
	case Rejected:
		return "rejected"
	case Unavailable:
		return "unavailable"
	case OTPRequired:
		return "one-time code required"
	case Limited:
		return "limited"
	}
	return fmt.Sprintf("Refusal(%d)", int(r))
}

// LoginError is a login that did not succeed.
type LoginError struct {
	Reason Refusal
	// Text is told to the client.
	Text string
	// Hint says how to log in otherwise; empty: there is nothing to say. It is told after Text,
	// and on its own to clients that take the numeric for a cue to ask for a password and show
	// nothing.
	Hint string
	// Err is the cause. It is logged and never sent.
	Err error
}

func (e *LoginError) Error() string {
	if e.Err != nil {
		return e.Text + ": " + e.Err.Error()
	}
	return e.Text
}

// told is all that the client is told.
func (e *LoginError) told() string {
	if e.Hint != "" {
		return e.Text + ". " + e.Hint
	}
	return e.Text
}

func (e *LoginError) Unwrap() error { return e.Err }
