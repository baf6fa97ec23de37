// Package check finds out whether Directus has all that the configuration needs, for the
// command of that name. It tries one thing after the other, without a login and as a user
// who will chat, and prints what is missing and what to do about it. It changes nothing in
// Directus, unless Options.Write makes it send a message, which it deletes again. The setup
// command uses its hints on addresses and logins.
//
// It imports packages config, listen (for certificates) and directus.
package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// errIncomplete is the result of a check that found something missing and has printed it.
var errIncomplete = errors.New("something is missing: see the lines with MISSING above")

// logoutGrace limits the logout at the end of a check, even of an interrupted one.
const logoutGrace = 5 * time.Second

// Options of a check.
type Options struct {
	// Out receives the findings, one or two lines each.
	Out io.Writer
	// Login logs in a user who will chat. If it is nil, only what needs no login is
	// checked.
	Login func(context.Context, *directus.Client) (*directus.Account, error)
	// Names says how users are called on IRC; nil: that is not told.
	Names Names
	// Device is what the login names behind the account; the zero value: nothing.
	Device Device
	// Write also sends a message to each channel, and deletes it.
	Write bool

	patience time.Duration // how long to wait for events; 0: eventPatience
}

// Names makes what a user is called on IRC.
type Names interface {
	// Nicks returns the nick that the name of a user makes by fields of directus_users, empty
	// if it makes none, and the one that the user has if somebody else has that.
	Nicks(u directus.User, fields []string) (plain, numbered string)
	// IsAccountName reports whether a value can be an account name.
	IsAccountName(value string) bool
	// Room returns the channel that a room with this name is, unless another one has it; empty
	// if it makes none.
	Room(name string) string
	// Archived reports whether a value of the field of rooms that says so means that a room is
	// archived.
	Archived(value any) bool
}

// Device is what a login names behind the account, as in kevin@example.com/laptop.
type Device struct {
	Name string // empty: none that is kept
	Bot  bool   // the login is marked as a bot's
}

// Run checks Directus, with a login as that user. It returns an error if something is
// missing; what is missing has then been written to Options.Out.
func Run(ctx context.Context, cfg *config.Config, opts Options) error {
	base, err := url.Parse(cfg.Directus.URL)
	if err != nil {
		return config.Error{Err: errors.New("directus.url is not an address")}
	}
	client := directus.New(base, directus.Options{TLS: cfg.Directus.TLS})
	defer client.Close()
	r := &findings{out: opts.Out}
	r.ok("the configuration %s is valid", cfg.File)
	for _, address := range cfg.PlainListeners() {
		r.note("add tls to the listener, or bind it to 127.0.0.1", "passwords reach %s in clear text", address)
	}
	for _, port := range cfg.StrayPorts() {
		r.note("correct sts.port, unless another program accepts TLS there for the daemon", "sts sends clients to port %d, where no listener has TLS", port)
	}
	checkExpiry(ctx, cfg, r)
	probe := &prober{client: client, cfg: cfg, findings: r, writes: opts.Write, names: opts.Names, device: opts.Device, patience: cmp.Or(opts.patience, eventPatience)}
	if probe.reachable(ctx) {
		probe.providers(ctx)
		if opts.Login != nil {
			probe.asUser(ctx, opts.Login)
		} else {
			r.note("add the login of a user who will chat: --email or --token", "the rest was not checked")
		}
	}
	if r.missing > 0 {
		return errIncomplete
	}
	return nil
}

// marked says what the mark of a bot or the name of a device means.
func (p *prober) marked() {
	switch d := p.device; {
	case d.Bot && d.Name != "":
		p.ok("the login is marked as a bot's: as the device %s it is shown nothing old the first time, and afterwards what it has missed", d.Name)
	case d.Bot:
		p.ok("the login is marked as a bot's: it is shown what is written while it is connected, and nothing old unless it asks for it")
	case d.Name != "":
		p.ok("the login names the device %s, which is shown what it has missed; a program that answers messages should be the device bot", d.Name)
	}
}

// findings prints what a check finds, and what to do about it.
type findings struct {
	out     io.Writer
	missing int
}

func (f *findings) ok(format string, args ...any) {
	fmt.Fprintf(f.out, "ok       %s\n", fmt.Sprintf(format, args...))
}

func (f *findings) miss(fix, format string, args ...any) {
	f.missing++
	fmt.Fprintf(f.out, "MISSING  %s\n         -> %s\n", fmt.Sprintf(format, args...), fix)
}

// note prints something that works, but not as well as it could.
func (f *findings) note(fix, format string, args ...any) {
	fmt.Fprintf(f.out, "note     %s\n         -> %s\n", fmt.Sprintf(format, args...), fix)
}
