package main

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

type checkCmd struct {
	configFlag
	credentialFlags
	Write bool `help:"Also send a line to each channel, read it back and delete it: people see it for a moment. It finds what the rest can only guess at, such as the time zone of dateTime fields."`
}

// Help is shown under --help.
func (checkCmd) Help() string {
	return `With the login of somebody who will chat it checks what this person may do; it changes nothing in Directus without --write. The exit status is 0 if nothing is missing, 1 if something is, 78 if the configuration has mistakes.`
}

// errIncomplete is the end of a check that found something missing; what and
// how to mend it has been printed.
var errIncomplete = errors.New("something is missing, see above")

// logoutGrace is for a logout at the end of a command, even an interrupted one.
const logoutGrace = 5 * time.Second

// Run validates the file and probes Directus from the outside, and with a login
// as that user.
func (c *checkCmd) Run(ctx context.Context, env *environment) error {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	withLogin := c.given()
	if withLogin {
		if err := c.complete(env); err != nil {
			return err
		}
	}
	base, err := url.Parse(cfg.Directus.URL)
	if err != nil {
		return config.Error{Err: errors.New("directus.url is no address")}
	}
	client := directus.New(base, directus.Options{})
	defer client.Close()
	r := &findings{out: env.Stdout}
	r.ok("the configuration %s is valid", cfg.File)
	for _, address := range cfg.PlainListeners() {
		r.note("add tls to the listener, or bind it to 127.0.0.1", "passwords reach %s in clear text", address)
	}
	for _, port := range cfg.StrayPorts() {
		r.note("correct sts.port, unless another program has TLS there for this one", "sts sends clients to port %d, where no listener has TLS", port)
	}
	checkExpiry(ctx, cfg, r)
	probe := &prober{client: client, cfg: cfg, findings: r, writes: c.Write}
	if probe.reachable(ctx) {
		if withLogin {
			probe.asUser(ctx, &c.credentialFlags)
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
