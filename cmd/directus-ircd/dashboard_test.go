package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"gopkg.in/yaml.v3"
)

// query is an expression of PromQL, and where it stands.
type query struct{ where, expr string }

// queriesOf lists all expressions of the dashboard and of the alerts.
func queriesOf(t *testing.T) (queries []query) {
	t.Helper()
	read := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("../../deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var dashboard any
	if err := json.Unmarshal(read("grafana.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	var walk func(where string, v any)
	walk = func(where string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if title, ok := v["title"].(string); ok {
				where = "grafana.json, " + title
			}
			if expr, ok := v["expr"].(string); ok {
				queries = append(queries, query{where, expr})
			}
			for _, part := range v {
				walk(where, part)
			}
		case []any:
			for _, part := range v {
				walk(where, part)
			}
		}
	}
	walk("grafana.json", dashboard)

	var alerts struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For string
				Labels           struct{ Severity string }
				Annotations      struct{ Summary, Description string }
			}
		}
	}
	decoder := yaml.NewDecoder(strings.NewReader(string(read("alerts.yaml"))))
	decoder.KnownFields(true)
	if err := decoder.Decode(&alerts); err != nil {
		t.Fatal(err)
	}
	for _, group := range alerts.Groups {
		for _, r := range group.Rules {
			if r.Alert == "" || !slices.Contains([]string{"warning", "critical"}, r.Labels.Severity) || r.Annotations.Summary == "" || r.Annotations.Description == "" {
				t.Errorf("alerts.yaml: something is missing in %+v", r)
			}
			queries = append(queries, query{"alerts.yaml, " + r.Alert, r.Expr})
		}
	}
	return queries
}

// rateInterval stands for a duration in a dashboard.
const rateInterval = "$__rate_interval"

// promQL are the functions that queries may use. The parser also takes some that Prometheus does not know.
var promQL = []string{"changes", "histogram_quantile", "increase", "max", "min", "rate", "sum", "time"}

// problemsOf parses a query, whose metrics and labels have to be those of a daemon.
func problemsOf(q query, known scraped) (problems []string) {
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	expr, err := metricsql.Parse(strings.ReplaceAll(q.expr, rateInterval, "5m"))
	if err != nil {
		bad("%v", err)
		return problems
	}
	ranges := map[metricsql.Expr]bool{} // what has a range
	metricsql.VisitAll(expr, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.RollupExpr:
			ranges[e] = e.Window != nil
		case *metricsql.AggrFuncExpr:
			if !slices.Contains(promQL, e.Name) {
				bad("%s is not PromQL", e.Name)
			}
		case *metricsql.FuncExpr:
			if !slices.Contains(promQL, e.Name) {
				bad("%s is not PromQL", e.Name)
			}
			if metricsql.IsRollupFunc(e.Name) && e.Name != "time" && !ranges[e.Args[0]] {
				bad("%s needs a range", e.Name)
			}
		case *metricsql.MetricExpr:
			for _, filters := range e.LabelFilterss {
				name := filters[0].Value
				base := histogramSuffix.ReplaceAllString(name, "")
				if !known[base]["le"] {
					base = name
				}
				labels, found := known[base]
				if name != "up" && (!found || labels["le"] && base == name) { // up is of Prometheus itself
					bad("there is no metric %s", name)
				}
				for _, f := range filters[1:] {
					if f.Label != "job" && f.Label != "instance" && !labels[f.Label] {
						bad("%s has no label %s", name, f.Label)
					}
				}
			}
		}
	})
	return problems
}

// TestDashboardAndAlerts: every query of the files that operators are given is one of PromQL, and asks for what a daemon tells.
func TestDashboardAndAlerts(t *testing.T) {
	known := scrape(t, usedDaemon(t))
	queries := queriesOf(t)
	if len(queries) < 60 {
		t.Errorf("only %d queries were found", len(queries))
	}
	asked := strings.Builder{}
	for _, q := range queries {
		asked.WriteString(q.expr)
		for _, problem := range problemsOf(q, known) {
			t.Errorf("%s: %s in %s", q.where, problem, q.expr)
		}
	}
	for name := range known {
		if strings.HasPrefix(name, "directus_ircd_") && !strings.Contains(asked.String(), name) && name != "directus_ircd_accepted_connections_total" && name != "directus_ircd_waiting_presence" {
			t.Errorf("neither the dashboard nor an alert asks for %s", name)
		}
	}
	for _, wrong := range []string{
		"rate(directus_ircd_messages_total)", "sum(rate(directus_ircd_message_total[5m]))", "median(directus_ircd_users)", "rate(directus_ircd_logins_total[5m]",
		`directus_ircd_gaps_total{reason="order"}`, "directus_ircd_users_count", "directus_ircd_store_seconds", "increase(sum(directus_ircd_logins_total)[5m:])>", "rollup(directus_ircd_users[5m])",
	} {
		if len(problemsOf(query{"", wrong}, known)) == 0 {
			t.Errorf("nothing is wrong with %s", wrong)
		}
	}
}
