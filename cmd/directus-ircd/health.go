package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"directus-ircd/cmd/directus-ircd/admin"
	"directus-ircd/cmd/directus-ircd/config"
)

type healthCmd struct {
	configFlag
}

func (healthCmd) Help() string {
	return `It asks /readyz at metrics.address, or where that is not set at the Unix socket of admin.socket. It is for containers that have no shell and no curl. The exit status is 0 if the daemon is ready, and 1 if it is not or does not answer within 5 seconds.`
}

// healthTimeout is how long the daemon may take to say that it is ready. At its start it waits as long for the first
// answer of Directus.
const healthTimeout = 5 * time.Second

// maxReason is the longest reason that is read, in bytes.
const maxReason = 1 << 10

// Run asks the daemon of the configuration whether it is ready.
func (c *healthCmd) Run(ctx context.Context, env *environment) error {
	cfg, err := config.Glance(c.Config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, healthTimeout, fmt.Errorf("no answer within %s", healthTimeout))
	defer cancel()
	if cfg.Metrics.Address == "" {
		err = admin.Client{Socket: socketOf(cfg)}.Ready(ctx)
	} else {
		err = askReady(ctx, cfg.Metrics.Address)
	}
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	_, err = fmt.Fprintln(env.Stdout, "ready")
	return err
}

// dialable is where to reach on this machine what listens at an address.
func dialable(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" {
		return "", fmt.Errorf("metrics.address: %q does not say where to ask: write host:port, such as 127.0.0.1:9107", address)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}

// askReady is nil if the daemon that serves HTTP at a configured address is ready.
func askReady(ctx context.Context, configured string) error {
	address, err := dialable(configured)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true} // and no proxy
	response, err := transport.RoundTrip(request)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("the daemon does not answer at %s: %w", address, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	reason, err := io.ReadAll(io.LimitReader(response.Body, maxReason))
	if err != nil {
		return fmt.Errorf("the daemon does not answer at %s: %w", address, err)
	}
	if response.StatusCode == http.StatusServiceUnavailable {
		return errors.New(strings.TrimSpace(string(reason)))
	}
	return fmt.Errorf("what listens at %s is not directus-ircd: it answers %s", address, response.Status)
}
