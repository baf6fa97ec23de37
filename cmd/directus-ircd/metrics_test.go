package main

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"directus-ircd/cmd/directus-ircd/listen"
)

func TestExpiryMetric(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&expiryCollector{func() []listen.Expiry { return []listen.Expiry{{Address: ":6697", At: time.Unix(2e9, 0)}} }})
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || len(families[0].GetMetric()) != 1 {
		t.Fatalf("%v, %v", families, err)
	}
	metric := families[0].GetMetric()[0]
	if metric.GetGauge().GetValue() != 2e9 || metric.GetLabel()[0].GetValue() != ":6697" || families[0].GetName() != "directus_ircd_certificate_expiry_timestamp_seconds" {
		t.Errorf("the metric is %v", families[0])
	}
}
