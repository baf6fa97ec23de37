// Package check finds what the chat lacks in Directus, for the command of that name:
// it asks for each thing in turn, from the outside and as somebody who will chat, and
// prints what is missing with the way to mend it. It changes nothing there, unless it
// is told to write a line and delete it again. Its hints on addresses and logins serve
// setup as well.
//
// It imports packages config, listen (for certificates) and directus.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

// errIncomplete is the end of a check that found something missing; what and
// how to mend it has been printed.
var errIncomplete = errors.New("something is missing, see above")

// logoutGrace is for a logout at the end of a command, even an interrupted one.
const logoutGrace = 5 * time.Second

// Options are what a check is told beside the configuration.
type Options struct {
	// Out is where each finding is written as a line or two.
	Out io.Writer
	// Login opens a session of somebody who will chat; nil: what only such a person
	// can find is not checked.
	Login func(context.Context, *directus.Client) (*directus.Account, error)
	// Write also sends a line to each channel, and deletes it.
	Write bool
}

// Run probes Directus from the outside, and with a login as that user. It returns
// an error if something is missing, which was written then.
func Run(ctx context.Context, cfg *config.Config, opts Options) error {
	base, err := url.Parse(cfg.Directus.URL)
	if err != nil {
		return config.Error{Err: errors.New("directus.url is no address")}
	}
	client := directus.New(base, directus.Options{})
	defer client.Close()
	r := &findings{out: opts.Out}
	r.ok("the configuration %s is valid", cfg.File)
	for _, address := range cfg.PlainListeners() {
		r.note("add tls to the listener, or bind it to 127.0.0.1", "passwords reach %s in clear text", address)
	}
	for _, port := range cfg.StrayPorts() {
		r.note("correct sts.port, unless another program has TLS there for this one", "sts sends clients to port %d, where no listener has TLS", port)
	}
	checkExpiry(ctx, cfg, r)
	probe := &prober{client: client, cfg: cfg, findings: r, writes: opts.Write}
	if probe.reachable(ctx) {
		if opts.Login != nil {
			probe.asUser(ctx, opts.Login)
		} else {
			r.note("give a login of somebody who will chat: --email or --token", "the rest was not checked")
		}
	}
	if r.missing > 0 {
		return errIncomplete
	}
	return nil
}

// findings prints what a check finds, each with the way to mend it.
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

// note is for what works, though not as well as it could.
func (f *findings) note(fix, format string, args ...any) {
	fmt.Fprintf(f.out, "note     %s\n         -> %s\n", fmt.Sprintf(format, args...), fix)
}
