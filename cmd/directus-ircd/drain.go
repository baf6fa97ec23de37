package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"directus-ircd/cmd/directus-ircd/admin"
)

const (
	// maxDrain is the longest time over which clients can be let go.
	maxDrain = time.Hour
	// drainGrace is how much later the last connection may have ended.
	drainGrace = 5 * time.Second
	// drainPoll is the time between two questions whether the daemon has ended, and drainPatience how much longer than
	// promised that may take.
	drainPoll     = 300 * time.Millisecond
	drainPatience = 20 * time.Second
)

// What clients read in NOTICE and ERROR.
const (
	drainNotice = "This server is going away: your client will be disconnected within %s, and can connect again then."
	drainReason = "this server is going away, connect again"
)

var (
	// errDraining is why the daemon is not ready.
	errDraining = errors.New("draining")
	// errDrained is why the daemon ends.
	errDrained = errors.New(drainReason)
)

type drainCmd struct {
	configFlag
	Over time.Duration `default:"30s" placeholder:"TIME" help:"Let the connections end within this time, up to 1h (${default})."`
}

func (drainCmd) Help() string {
	return `The daemon takes no more connections, is not ready any more, tells its clients, ends their connections one after the other, so that they do not all come back at once, and ends with status 0. What it knows of people and devices is kept. The command waits for that. It asks the daemon through its Unix socket (admin.socket).`
}

// Run has the daemon end, and waits until it has.
func (c *drainCmd) Run(ctx context.Context, env *environment) error {
	if c.Over < 0 || c.Over > maxDrain {
		return usageError{fmt.Errorf("--over: %s is not a time of up to %s", c.Over, maxDrain)}
	}
	daemon, err := c.daemon()
	if err != nil {
		return err
	}
	first, err := daemon.Drain(ctx, c.Over)
	if err != nil {
		return err
	}
	fmt.Fprintf(env.Stdout, "%d connections end within %s\n", first.Connections, c.Over)
	limit := time.After(c.Over + drainGrace + drainPatience)
	for {
		select {
		case <-time.After(drainPoll):
		case <-limit:
			return errors.New("the daemon has not ended")
		case <-ctx.Done():
			return fmt.Errorf("%w: the daemon drains all the same", context.Cause(ctx))
		}
		// It stops to answer shortly before its end, perhaps in the middle of a question. By a socket unit the next one may
		// answer already.
		now, err := daemon.Draining(ctx)
		if errors.Is(err, admin.ErrGone) || err == nil && now.PID != first.PID {
			_, err := fmt.Fprintln(env.Stdout, "the daemon has ended")
			return err
		}
	}
}

// askDrain begins to drain, once.
func (d *daemon) askDrain(w http.ResponseWriter, r *http.Request) {
	over, err := time.ParseDuration(r.URL.Query().Get("over"))
	switch {
	case err != nil || over < 0 || over > maxDrain:
		http.Error(w, fmt.Sprintf("over must be a time of up to %s, such as 30s", maxDrain), http.StatusBadRequest)
	case !d.draining.CompareAndSwap(false, true):
		http.Error(w, "the daemon is draining already", http.StatusConflict)
	default:
		d.drains <- over // has room for the one that there is
		d.showDrain(w, r)
	}
}

func (d *daemon) showDrain(w http.ResponseWriter, _ *http.Request) {
	d.answerJSON(w, admin.Drain{PID: os.Getpid(), Draining: d.draining.Load(), Connections: d.server.Stats().Connections})
}

// drain lets all clients go and then ends the daemon. It is called by who owns the sockets.
func (d *daemon) drain(ctx context.Context, over time.Duration) {
	d.log.Info().Stringer("over", over).Msg("draining")
	d.notify("STATUS=draining")
	d.backend.Drain()
	d.sockets.StopListening(ctx)
	d.listening.Store(&[]string{})
	ending, cancel := context.WithTimeout(ctx, over+drainGrace)
	defer cancel()
	d.server.Drain(ending, over, fmt.Sprintf(drainNotice, over), drainReason)
	d.stop(errDrained)
}
