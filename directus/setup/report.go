package setup

import (
	"fmt"
	"slices"
	"strings"
)

// Status says what Run found or did about one Step.
type Status string

// The statuses of a Step.
const (
	Created     Status = "created"
	Changed     Status = "changed"
	Present     Status = "already there"
	WouldCreate Status = "would create"
	WouldChange Status = "would change"
	Limited     Status = "limited" // usable as it is, with a drawback that Detail names
	Differs     Status = "differs" // not usable by a chat as it is
)

// Step is one thing that a chat needs, and what Run found or did about it.
type Step struct {
	What   string // "field messages.text"
	Status Status
	Detail string // how it differs or what it costs; empty: nothing to say
	Fix    string // what to do about it; empty: nothing

	optional bool // a chat works without it
}

func (s Step) String() string {
	text := fmt.Sprintf("%-14s %s", s.Status, s.What)
	if s.Detail != "" {
		text += ": " + s.Detail
	}
	if s.Fix != "" {
		text += "\n" + strings.Repeat(" ", 15) + "→ " + s.Fix
	}
	return text
}

// Report lists what Run did, found, or would do, in the order of the work.
type Report struct {
	Steps []Step
	Notes []string // what the operator should know

	// LeftOut are the flags of the optional pieces that cannot be used. The Steps with the status Differs say why.
	LeftOut []string

	options Options
	done    bool   // Run has come to its end
	fields  Fields // as found or made; a name is empty if the collection has no such field
	// Names of the optional collections that can be used; empty for the others.
	reactions, private, privateReactions, markers string
	privateKind                                   string // name of the field of the private messages; empty if they have none
	corrections                                   bool   // people may change their own messages
	rooms                                         *roomFields
	closable                                      bool // rooms can be open to their members alone
}

// Complete reports whether everything that was asked for can be used, or could be after a run without DryRun: no step
// has the status Differs.
func (r Report) Complete() bool {
	return !differs(r.Steps)
}

// Usable reports whether a chat can work with the collection, the role and its permissions, even if an optional piece
// cannot be used.
func (r Report) Usable() bool {
	return r.done && !slices.ContainsFunc(r.Steps, func(s Step) bool { return s.Status == Differs && !s.optional })
}

// Changed reports whether Run changed anything in Directus.
func (r Report) Changed() bool {
	return slices.ContainsFunc(r.Steps, func(s Step) bool { return s.Status == Created || s.Status == Changed })
}

// Role is the name of the role and of its policy.
func (r Report) Role() string { return r.options.Role }

func differs(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Status == Differs })
}

// String returns a line for each step, then the notes.
func (r Report) String() string {
	var b strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintln(&b, s)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func (r *Report) add(s Step) { r.Steps = append(r.Steps, s) }

// note adds a note once, although several permissions may lead to it.
func (r *Report) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}
