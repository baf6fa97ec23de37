package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"directus-ircd/bridge"
	"directus-ircd/cmd/directus-ircd/listen"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// Sources are where counts come from. They are called at each scrape, maybe concurrently.
type Sources struct {
	IRC    func() ircd.Stats
	Bridge func() bridge.Stats
	Gaps   func() directus.Gaps
	// Up reports whether Directus has answered when it was last asked.
	Up func() bool
	// Expiries are the certificates, and ACMEErrors how many attempts to get one have failed.
	Expiries   func() []listen.Expiry
	ACMEErrors func() int64
}

// figures are what the sources say, taken at one moment.
type figures struct {
	irc    ircd.Stats
	bridge bridge.Stats
	gaps   directus.Gaps
	acme   int64
	up     bool
}

// sample is a value, for a value of the label if the metric has one.
type sample struct {
	of    string
	count int64
}

func one[N int | int64](n N) []sample { return []sample{{count: int64(n)}} }

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// rows are the metrics that are one number for each value of at most one label.
var rows = []struct {
	name, help, label string
	kind              prometheus.ValueType
	read              func(figures) []sample
}{
	{"directus_up", "1 if Directus answered when it was last asked, some seconds ago, else 0.", "", gauge, func(f figures) []sample {
		if f.up {
			return one(1)
		}
		return one(0)
	}},
	{"connections", "IRC connections that are open, logged in or not.", "", gauge, func(f figures) []sample { return one(f.irc.Connections) }},
	{"registered_connections", "IRC connections that are logged in.", "", gauge, func(f figures) []sample { return one(f.irc.Registered) }},
	{"users", "Different users who are connected.", "", gauge, func(f figures) []sample { return one(f.irc.Users) }},
	{"accepted_connections_total", "IRC connections accepted.", "", counter, func(f figures) []sample { return one(f.irc.Accepted) }},
	{"refused_connections_total", "IRC connections closed at once for a limit.", "", counter, func(f figures) []sample { return one(f.irc.Refused) }},
	{"logins_total", "Logins that succeeded.", "", counter, func(f figures) []sample { return one(f.irc.Logins) }},
	{"login_errors_total", "Logins that did not succeed, and one-time codes that were not accepted.", "reason", counter, func(f figures) []sample {
		e := f.irc.LoginErrors
		return []sample{{"rejected", e[ircd.Rejected]}, {"unavailable", e[ircd.Unavailable]}, {"one_time_code", e[ircd.OTPRequired]}, {"limited", e[ircd.Limited]}}
	}},
	{"received_lines_total", "Lines received from clients.", "", counter, func(f figures) []sample { return one(f.irc.LinesIn) }},
	{"sent_lines_total", "Lines sent to clients.", "", counter, func(f figures) []sample { return one(f.irc.LinesOut) }},
	{"flood_delays_total", "Lines of clients that flood control held back.", "", counter, func(f figures) []sample { return one(f.irc.Delayed) }},
	{"send_queue_bytes", "What waits for all clients together to read it.", "", gauge, func(f figures) []sample { return one(f.irc.Unread) }},
	{"slow_clients_closed_total", "IRC connections closed because the client did not read.", "", counter, func(f figures) []sample { return one(f.irc.SlowClients) }},
	{"waiting_presence", "What others did, such as JOIN and AWAY, that the connection furthest behind has not been shown yet.", "", gauge, func(f figures) []sample { return one(f.irc.Waiting) }},
	{"messages_total", "Messages from IRC that Directus confirmed as stored.", "", counter, func(f figures) []sample { return one(f.irc.Messages) }},
	{"message_errors_total", "Messages from IRC that were refused or not confirmed.", "", counter, func(f figures) []sample { return one(f.irc.SendErrors) }},
	{"doubts_total", "Messages from IRC of whose creation Directus told nothing, by what was found out.", "outcome", counter, func(f figures) []sample {
		return []sample{{"stored", f.bridge.DoubtStored}, {"not_stored", f.bridge.DoubtAbsent}, {"unknown", f.bridge.DoubtOpen}}
	}},
	{"directus_links", "Realtime links to Directus that are up.", "", gauge, func(f figures) []sample { return one(f.bridge.Links) }},
	{"feeds", "Readings of a collection, each with subscriptions, for one user or shared by many.", "", gauge, func(f figures) []sample { return one(f.bridge.Feeds) }},
	{"gaps_total", "Times that a feed had to read its collection because events were missing, or may have been, by the cause.", "cause", counter, func(f figures) []sample {
		return []sample{{"reconnect", f.gaps.Reconnected}, {"overflow", f.gaps.Dropped}, {"error", f.gaps.Lost}, {"order", f.bridge.Misplaced}}
	}},
	{"recovered_messages_total", "New messages that were found by reading, before Directus told of them, in each feed.", "", counter, func(f figures) []sample { return one(f.bridge.Recovered) }},
	{"unannounced_messages_total", "Messages of which Directus did not tell, found by asking, in each feed that found them.", "", counter, func(f figures) []sample { return one(f.bridge.Unannounced) }},
	{"resumed_channels_total", "Times that a device was shown what it had missed of a channel.", "", counter, func(f figures) []sample { return one(f.bridge.Resumed) }},
	{"resume_write_errors_total", "Times that the state file could not be written.", "", counter, func(f figures) []sample { return one(f.bridge.Unwritten) }},
	{"acme_errors_total", "Attempts to get or renew a certificate by ACME that failed.", "", counter, func(f figures) []sample { return one(f.acme) }},
}

// collector fetches all figures once a scrape, so that they fit together.
type collector struct {
	Sources
	rows   []*prometheus.Desc // of rows
	expiry *prometheus.Desc
}

func newCollector(s Sources) *collector {
	c := &collector{Sources: s, expiry: prometheus.NewDesc(namespace+"_certificate_expiry_timestamp_seconds",
		"When the certificate of a listener expires, or the first of several, or directus.client_certificate, as a Unix time.", []string{"listener"}, nil)}
	for _, row := range rows {
		var labels []string
		if row.label != "" {
			labels = []string{row.label}
		}
		c.rows = append(c.rows, prometheus.NewDesc(namespace+"_"+row.name, row.help, labels, nil))
	}
	return c
}

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range append(c.rows[:len(c.rows):len(c.rows)], c.expiry) {
		ch <- desc
	}
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	now := figures{irc: c.IRC(), bridge: c.Bridge(), gaps: c.Gaps(), acme: c.ACMEErrors(), up: c.Up()}
	for i, row := range rows {
		for _, s := range row.read(now) {
			var labels []string
			if row.label != "" {
				labels = []string{s.of}
			}
			ch <- prometheus.MustNewConstMetric(c.rows[i], row.kind, float64(s.count), labels...)
		}
	}
	for _, e := range c.Expiries() {
		ch <- prometheus.MustNewConstMetric(c.expiry, gauge, float64(e.At.Unix()), e.Address)
	}
}
