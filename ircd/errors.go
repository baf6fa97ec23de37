package ircd

import "fmt"

// Error is a reply that implements error: a Session returns it and the client
// is told it as it is.
type Error struct {
	// Numeric is the three-digit reply, such as "404"; empty for an error that
	// is told by its Code alone, which clients that know neither standard
	// replies nor the command's capability get as a NOTICE.
	Numeric string
	// Params go between the client's nick and Text, such as the channel. For
	// an error without a Numeric they are the context of the standard reply.
	Params []string
	// Text says what happened and what to do about it.
	Text string
	// Code is the machine-readable code of a standard reply (FAIL), which
	// clients with standard-replies get beside the numeric; empty where there
	// is none.
	Code string
	// Err is the cause. It is logged and never sent.
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

// Refusal says why a login did not succeed.
type Refusal int

// The reasons of a LoginError.
const (
	// Rejected: the credentials are wrong. 464, or 904 under SASL.
	Rejected Refusal = iota
	// Unavailable: they could not be checked now. The client may come back
	// with the same ones; it is never told that they are wrong.
	Unavailable
	// OTPRequired: they are right, but a one-time code is missing or wrong.
	// The connection waits for the OTP command and calls Login again.
	OTPRequired
	// Limited: too many attempts; not checked.
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
	// Err is the cause. It is logged and never sent.
	Err error
}

func (e *LoginError) Error() string {
	if e.Err != nil {
		return e.Text + ": " + e.Err.Error()
	}
	return e.Text
}

func (e *LoginError) Unwrap() error { return e.Err }
