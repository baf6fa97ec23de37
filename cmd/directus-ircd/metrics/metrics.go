// Package metrics is what the daemon tells Prometheus. Nothing of it names a user, a nick or a
// channel, and there are only so many labels: those of each metric are listed in
// directus-ircd-operators(7).
//
// What happens often is counted where it happens, by the packages ircd, bridge and directus,
// and fetched once a scrape. They know nothing of Prometheus: what takes time is told to the
// histograms here, through an interface or a function that each of them declares.
package metrics

import (
	stdlog "log"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"

	"directus-ircd/directus"
)

const namespace = "directus_ircd"

// quick are the bounds of what takes milliseconds when all is well, in seconds. No request to
// Directus takes longer than 10 s.
var quick = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// Metrics are those of one daemon. All methods may be called from any goroutine.
type Metrics struct {
	// Delivered and Stored are ircd.Options' observers.
	Delivered, Stored prometheus.Histogram

	registry         *prometheus.Registry
	requests         *prometheus.HistogramVec // by operation and outcome
	warnings, errors prometheus.Counter
	panics           prometheus.Counter
	reloaded         prometheus.Gauge // whether the last reload was accepted
	reloadedAt       prometheus.Gauge // when one was accepted last
}

// Build says which program it is.
type Build struct{ Version, Commit, Go string }

// New makes the metrics of a daemon that has just read its configuration.
func New(b Build) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		Delivered: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "delivery_seconds", Buckets: append(quick[:len(quick):len(quick)], 30, 60),
			Help: "Time from the date of a new message, by the clock of Directus, until it was put out to an IRC connection; once for each connection.",
		}),
		Stored: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "store_seconds", Buckets: quick,
			Help: "Time from a line of a client, flood control aside, until Directus had confirmed that its message is stored.",
		}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "directus_request_seconds", Buckets: quick,
			Help: "Time of requests to Directus, over REST and WebSocket, by what was asked and how it ended.",
		}, []string{"operation", "outcome"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: namespace, Name: "panics_total", Help: "Mistakes of the program that ended a part of it; the log has their stacks.",
		}),
		reloaded: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_successful", Help: "1 if the last reload was accepted, or there was none, else 0.",
		}),
		reloadedAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: namespace, Name: "config_last_reload_success_timestamp_seconds", Help: "When the configuration was accepted last, as a Unix time.",
		}),
	}
	entries := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "log_entries_total", Help: "Entries of the log that are warnings or errors.",
	}, []string{"level"})
	m.warnings, m.errors = entries.WithLabelValues("warn"), entries.WithLabelValues("error")
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Commit, "goversion": b.Go},
	})
	build.Set(1)
	m.Reloaded(true)
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.Delivered, m.Stored, m.requests, m.panics, m.reloaded, m.reloadedAt, entries, build,
	)
	return m
}

// Answered is directus.Options'.
func (m *Metrics) Answered(asked directus.Operation, end directus.Outcome, took time.Duration) {
	m.requests.WithLabelValues(string(asked), string(end)).Observe(took.Seconds())
}

// Reloaded notes that the configuration was accepted, or a reload refused.
func (m *Metrics) Reloaded(accepted bool) {
	if !accepted {
		m.reloaded.Set(0)
		return
	}
	m.reloaded.Set(1)
	m.reloadedAt.SetToCurrentTime()
}

// panicked is the message of a log entry about a panic, whichever package has recovered it.
const panicked = "internal error"

// Run implements zerolog.Hook: it counts the entries of the daemon's log.
func (m *Metrics) Run(_ *zerolog.Event, level zerolog.Level, message string) {
	switch level {
	case zerolog.WarnLevel:
		m.warnings.Inc()
	case zerolog.ErrorLevel:
		m.errors.Inc()
		if message == panicked {
			m.panics.Inc()
		}
	}
}

// Watch adds what is fetched at each scrape. It is called once, before the first.
func (m *Metrics) Watch(s Sources) { m.registry.MustRegister(newCollector(s)) }

// Handler answers scrapes.
func (m *Metrics) Handler(log zerolog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorLog: stdlog.New(log, "", 0)})
}
