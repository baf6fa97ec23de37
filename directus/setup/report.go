package setup

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Status says what became of one thing.
type Status string

// The statuses of a Step.
const (
	Created     Status = "created"
	Changed     Status = "changed"
	Present     Status = "already there"
	WouldCreate Status = "would create"
	WouldChange Status = "would change"
	Limited     Status = "limited" // usable as it is, with a drawback that Detail names
	Differs     Status = "differs" // not as a chat needs it
)

// Step is one thing that a chat needs, and what became of it.
type Step struct {
	What   string // "field messages.text"
	Status Status
	Detail string // how it differs or what it costs; empty: nothing to say
	Fix    string // what to do about it; empty: nothing
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

// Report is what a Run did, found, or would do, in the order of the work.
type Report struct {
	Version string // of Directus, "12.4.0"
	Steps   []Step
	Notes   []string // what the operator should know

	options Options
	usable  int    // how many Steps there were when the collection, the role and its permissions had been looked after
	fields  Fields // as found or made; a name is empty where the collection has no such field
	// The optional collections that are there; empty for the others.
	reactions, private, markers string
	corrections                 bool // people may change their own messages
}

// Complete reports whether a chat can work with what is there, or could without DryRun: nothing Differs.
func (r Report) Complete() bool {
	return !differs(r.Steps)
}

// Usable reports whether a chat can work with the collection, the role and its permissions, though an optional piece
// may be missing: nothing of them Differs.
func (r Report) Usable() bool {
	return r.usable > 0 && !differs(r.Steps[:r.usable])
}

// Role is the name of the role that people who chat need.
func (r Report) Role() string { return r.options.Role }

func differs(steps []Step) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Status == Differs })
}

// String gives one line for each thing, then the notes.
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

// ConfigYAML gives the entries of the configuration that fit what was found or made. Optional pieces that Differ are
// left out.
func (r Report) ConfigYAML() string {
	type collection struct {
		Collection string `yaml:"collection"`
	}
	type channel struct {
		Name       string      `yaml:"name"`
		Collection string      `yaml:"collection"`
		Fields     Fields      `yaml:"fields,flow"`
		Correct    bool        `yaml:"corrections,omitempty"`
		Reactions  *collection `yaml:"reactions,flow,omitempty"`
	}
	type config struct {
		Channels []channel   `yaml:"channels"`
		Private  *collection `yaml:"private,omitempty"`
		Markers  *collection `yaml:"read_markers,omitempty"`
	}
	c := config{Channels: []channel{{Name: "#" + r.options.Collection, Collection: r.options.Collection, Fields: r.fields, Correct: r.corrections}}}
	if r.reactions != "" {
		c.Channels[0].Reactions = &collection{Collection: r.reactions}
	}
	if r.private != "" {
		c.Private = &collection{Collection: r.private}
	}
	if r.markers != "" {
		c.Markers = &collection{Collection: r.markers}
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	// Neither call can fail: plain strings into a buffer.
	_ = enc.Encode(c)
	_ = enc.Close()
	return b.String()
}

func (r *Report) add(s Step) { r.Steps = append(r.Steps, s) }

// note adds a note, unless it is there: several permissions may have the same one.
func (r *Report) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(r.Notes, n) {
		r.Notes = append(r.Notes, n)
	}
}
