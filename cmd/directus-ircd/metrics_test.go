package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"directus-ircd/deploy/man/mantest"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// scraped are the metrics of a daemon as Prometheus reads them: the labels by the name. That of a histogram's bounds, le, is
// one of them.
type scraped map[string]map[string]bool

// scrape reads /metrics, which has to be in order: each metric with HELP and TYPE, and named by the conventions.
func scrape(t *testing.T, text string) scraped {
	t.Helper()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("/metrics is not as Prometheus recommends: %v, %v", problems, err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	found := scraped{}
	for name, family := range families {
		if family.GetHelp() == "" || !strings.Contains(text, "\n# TYPE "+name+" ") {
			t.Errorf("%s lacks its HELP or TYPE", name)
		}
		found[name] = map[string]bool{}
		if family.GetType() == dto.MetricType_HISTOGRAM {
			found[name]["le"] = true
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				found[name][label.GetName()] = true
			}
		}
	}
	return found
}

// usedDaemon is /metrics of a daemon that has seen a bit of everything.
func usedDaemon(t *testing.T) string {
	t.Helper()
	fake := directustest.NewFake(t, directustest.FakeOptions{})
	for _, name := range []string{"gertrude", "walter"} {
		fake.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: "pw-" + name, FirstName: name})
	}
	dir, url := t.TempDir(), fake.Listen().String()
	cert, key := ircdtest.WriteCertificate(t, dir, 1, time.Hour)
	file := filepath.Join(dir, "config.yaml")
	write := func(more string) {
		t.Helper()
		text := "directus: {url: \"" + url + "\"}\nlog: {format: json}\nmetrics: {address: \"127.0.0.1:0\"}\n" +
			"listen: [{address: \"127.0.0.1:0\"}, {address: \"127.0.0.1:0\", tls: {cert: " + cert + ", key: " + key + "}}]\n" +
			"channels: [{name: \"#messages\", collection: messages, fields: {nonce: nonce}}]\n" + more
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	p := startProcess(t, file, 2, true)
	gertrude, walter, wrong := ircdtest.Dial(t, p.IRC[0]), ircdtest.Dial(t, p.IRC[0]), ircdtest.Dial(t, p.IRC[0])
	for _, login := range []struct {
		client *ircdtest.Client
		name   string
	}{{gertrude, "gertrude"}, {walter, "walter"}} { // the first leads, and the other needs no link
		login.client.LoginPass(login.name, login.name+"@example.com:pw-"+login.name)
		login.client.Expect("* 366 * #messages *")
	}
	wrong.Send("PASS walter@example.com:wrong", "NICK x", "USER x 0 * :x")
	wrong.Closed()
	gertrude.Send("PRIVMSG #messages :hello")
	walter.Expect("* PRIVMSG #messages :hello")
	gertrude.Sync()
	write("nick: [title]\n")
	p.signal(syscall.SIGHUP)
	p.waitLog("reloaded the configuration", 0)
	write("chanels: []\n")
	p.signal(syscall.SIGHUP)
	p.waitLog("reload refused, everything stays as it was", 0)
	deadline := time.Now().Add(10 * time.Second)
	for {
		_, text := get(t, p.Metrics+"/metrics")
		if strings.Contains(text, "\ndirectus_ircd_config_last_reload_successful 0\n") || time.Now().After(deadline) {
			return text
		}
	}
}

var (
	// describedMetric is an entry of the manual's list, with its labels.
	describedMetric = regexp.MustCompile("(?m)^\\* `(directus_ircd_\\w+)(?:\\{([^}]*)\\})?`")
	expiryValue     = regexp.MustCompile(`\ndirectus_ircd_certificate_expiry_timestamp_seconds\{listener="127\.0\.0\.1:0"\} (\S+)\n`)
	// histogramSuffix ends the name of a series of a histogram.
	histogramSuffix = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// TestManualNamesEveryMetric: a daemon that has been used counts what has happened, and directus-ircd-operators(7) describes
// just what it tells.
func TestManualNamesEveryMetric(t *testing.T) {
	text := usedDaemon(t)
	for _, line := range []string{
		"delivery_seconds_count 1", "store_seconds_count 1", "messages_total 1", "logins_total 2",
		`login_errors_total{reason="rejected"} 1`, `login_errors_total{reason="one_time_code"} 0`,
		`directus_request_seconds_count{operation="create",outcome="ok"} 1`,
		`directus_request_seconds_count{operation="login",outcome="ok"} 2`,
		`directus_request_seconds_count{operation="login",outcome="refused"} 1`,
		`directus_request_seconds_count{operation="connect",outcome="ok"} 1`,
		`gaps_total{cause="reconnect"} 0`, `doubts_total{outcome="unknown"} 0`, "panics_total 0",
		`log_entries_total{level="error"} 1`, "config_last_reload_successful 0", "directus_up 1",
	} {
		if !strings.Contains(text, "\ndirectus_ircd_"+line+"\n") {
			t.Errorf("there is no %s", line)
		}
	}
	var expiry float64
	if m := expiryValue.FindStringSubmatch(text); m != nil {
		expiry, _ = strconv.ParseFloat(m[1], 64) // no number is none
	}
	if left := time.Until(time.Unix(int64(expiry), 0)); left < 50*time.Minute || left > time.Hour {
		t.Errorf("a certificate of an hour expires in %v", left)
	}
	for _, secret := range []string{"gertrude", "walter", "#messages"} {
		if strings.Contains(text, secret) {
			t.Errorf("/metrics names %s", secret)
		}
	}
	described := map[string]string{}
	for _, entry := range describedMetric.FindAllStringSubmatch(mantest.Page(t, "operators"), -1) {
		described[entry[1]] = entry[2]
	}
	for name, labels := range scrape(t, text) {
		if !strings.HasPrefix(name, "directus_ircd_") {
			continue
		}
		delete(labels, "le")
		words, ok := described[name]
		if delete(described, name); !ok {
			t.Errorf("directus-ircd-operators(7) does not describe %s", name)
		} else if want := strings.Join(slices.Sorted(maps.Keys(labels)), ","); words != want {
			t.Errorf("directus-ircd-operators(7) names the labels {%s} of %s, which are {%s}", words, name, want)
		}
	}
	for name := range described {
		t.Errorf("directus-ircd-operators(7) describes %s, which there is not", name)
	}
}
