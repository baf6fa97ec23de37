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

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"directus-ircd/bridge"
	"directus-ircd/cmd/directus-ircd/listen"
	"directus-ircd/ircd"
)

func (d *daemon) serveMetrics(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           d.pages(),
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       time.Minute,
		// It would log the addresses of clients.
		ErrorLog: stdlog.New(io.Discard, "", 0),
	}
	// Nothing here is worth waiting for at the end: a scrape comes again.
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	d.log.Info().Stringer("address", ln.Addr()).Msg("serving metrics")
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// pages are what an operator may ask for.
func (d *daemon) pages() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&collector{irc: d.server.Stats, bridge: d.backend.Stats},
		&expiryCollector{d.sockets.Expiries},
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "directus_ircd_directus_up",
			Help: "1 if Directus answered when it was last asked, some seconds ago, else 0.",
		}, func() float64 {
			if d.monitor.check(context.Background()) != nil {
				return 0
			}
			return 1
		}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorLog: stdlog.New(d.log, "", 0)}))
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

// figures are what the packages count, taken at one moment.
type figures struct {
	irc    ircd.Stats
	bridge bridge.Stats
}

var metricRows = []struct {
	name, help string
	kind       prometheus.ValueType
	value      func(figures) int64
}{
	{"connections", "IRC connections that are open, logged in or not.", prometheus.GaugeValue, func(f figures) int64 { return int64(f.irc.Connections) }},
	{"registered_connections", "IRC connections that are logged in.", prometheus.GaugeValue, func(f figures) int64 { return int64(f.irc.Registered) }},
	{"users", "Different users who are connected.", prometheus.GaugeValue, func(f figures) int64 { return int64(f.irc.Users) }},
	{"waiting_presence", "What others did, such as JOIN and AWAY, that the connection furthest behind has not been shown yet.", prometheus.GaugeValue, func(f figures) int64 { return int64(f.irc.Waiting) }},
	{"directus_links", "Realtime links to Directus that are up.", prometheus.GaugeValue, func(f figures) int64 { return int64(f.bridge.Links) }},
	{"feeds", "Readings of a collection, each with subscriptions, for one user or shared by many.", prometheus.GaugeValue, func(f figures) int64 { return int64(f.bridge.Feeds) }},
	{"unannounced_messages_total", "Messages of which Directus did not tell, found by asking, in each feed that found them.", prometheus.CounterValue, func(f figures) int64 { return f.bridge.Unannounced }},
	{"accepted_connections_total", "IRC connections accepted.", prometheus.CounterValue, func(f figures) int64 { return f.irc.Accepted }},
	{"refused_connections_total", "IRC connections closed at once for a limit.", prometheus.CounterValue, func(f figures) int64 { return f.irc.Refused }},
	{"logins_total", "Logins that succeeded.", prometheus.CounterValue, func(f figures) int64 { return f.irc.Logins }},
	{"login_errors_total", "Logins that did not succeed.", prometheus.CounterValue, func(f figures) int64 { return f.irc.LoginErrors }},
	{"received_lines_total", "Lines received from clients.", prometheus.CounterValue, func(f figures) int64 { return f.irc.LinesIn }},
	{"sent_lines_total", "Lines sent to clients.", prometheus.CounterValue, func(f figures) int64 { return f.irc.LinesOut }},
	{"resumed_channels_total", "Times that a device was shown what it had missed of a channel.", prometheus.CounterValue, func(f figures) int64 { return f.bridge.Resumed }},
	{"resume_write_errors_total", "Times that the state file could not be written.", prometheus.CounterValue, func(f figures) int64 { return f.bridge.Unwritten }},
	{"messages_total", "Messages from IRC that Directus confirmed as stored.", prometheus.CounterValue, func(f figures) int64 { return f.irc.Messages }},
	{"message_errors_total", "Messages from IRC that were refused or not confirmed.", prometheus.CounterValue, func(f figures) int64 { return f.irc.SendErrors }},
}

// collector reads the figures once a scrape, so that they fit together.
type collector struct {
	irc    func() ircd.Stats
	bridge func() bridge.Stats
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	now := figures{c.irc(), c.bridge()}
	for _, m := range metricRows {
		desc := prometheus.NewDesc("directus_ircd_"+m.name, m.help, nil, nil)
		ch <- prometheus.MustNewConstMetric(desc, m.kind, float64(m.value(now)))
	}
}

// expiryCollector tells when the certificates of the listeners and of the daemon expire.
type expiryCollector struct{ list func() []listen.Expiry }

func (c *expiryCollector) Describe(ch chan<- *prometheus.Desc) { ch <- expiryDesc() }

func (c *expiryCollector) Collect(ch chan<- prometheus.Metric) {
	for _, e := range c.list() {
		ch <- prometheus.MustNewConstMetric(expiryDesc(), prometheus.GaugeValue, float64(e.At.Unix()), e.Address)
	}
}

func expiryDesc() *prometheus.Desc {
	return prometheus.NewDesc("directus_ircd_certificate_expiry_timestamp_seconds",
		"When the certificate of a listener expires, or the first of several, or directus.client_certificate, as a Unix time.", []string{"listener"}, nil)
}
