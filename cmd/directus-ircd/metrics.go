package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"net"
	"net/http"
	"time"
)

func (d *daemon) serveMetrics(ctx context.Context, ln net.Listener) error {
	d.log.Info().Stringer("address", ln.Addr()).Msg("serving metrics")
	return d.serveHTTP(ctx, ln, d.pages(), 5*time.Second, 15*time.Second)
}

// serveHTTP answers requests until ctx ends. To ask may take as long as asking, and to answer as long as answering.
func (d *daemon) serveHTTP(ctx context.Context, ln net.Listener, pages http.Handler, asking, answering time.Duration) error {
	server := &http.Server{
		Handler:        pages,
		ReadTimeout:    asking,
		WriteTimeout:   answering,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: 16 << 10,
		// It would log the addresses of clients.
		ErrorLog: stdlog.New(io.Discard, "", 0),
	}
	// Nothing here is worth waiting for at the end: a scrape comes again.
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return nil
}

// pages are what an operator may ask for.
func (d *daemon) pages() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", d.metrics.Handler(d.log))
	mux.HandleFunc("GET /healthz", answer(d.health))
	mux.HandleFunc("GET /readyz", answer(d.readiness))
	return mux
}

// health is nil as long as the daemon lives: what systemd's watchdog is told, too.
func (d *daemon) health(context.Context) error { return d.pulse.check() }

// readiness is nil while people can come in: the listeners are open as long as the
// daemon is, until it stops.
func (d *daemon) readiness(ctx context.Context) error {
	if err := d.health(ctx); err != nil {
		return err
	}
	if d.ctx.Err() != nil {
		return errShuttingDown
	}
	if d.draining.Load() {
		return errDraining
	}
	if d.monitor.check(ctx) != nil {
		return errors.New("directus does not answer")
	}
	return nil
}

// answer makes a check a page: ok, or 503 with the reason.
func answer(check func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if err := check(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}
