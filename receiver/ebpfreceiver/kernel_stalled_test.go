// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// A request that hangs is seen while it hangs.
func TestARequestThatHangsIsReported(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		onlyHTTP(c)
		c.Probes.HTTP.StalledAfter = time.Second
		c.CollectionInterval = 200 * time.Millisecond
	})
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	answered := make(chan error, 1)
	go func() {
		response, err := http.Get(server.URL + "/hangs")
		if err == nil {
			err = response.Body.Close()
		}
		answered <- err
	}()
	stalled := func() (sides map[any]int) {
		sides = map[any]int{}
		s.eachEvent(func(_ map[string]any, event plog.LogRecord) {
			got := event.Attributes().AsRaw()
			if event.EventName() == "tapio.request.stalled" && got["url.path"] == "/hangs" {
				sides[got["tapio.connection.role"]]++
				assert.GreaterOrEqual(t, got["tapio.request.age"], 1.0)
			}
		})
		return sides
	}
	assert.Eventually(t, func() bool { return len(stalled()) == 2 }, 15*time.Second, 20*time.Millisecond)
	assert.Eventually(t, func() bool { return s.oldest() >= 1 }, 15*time.Second, 20*time.Millisecond)
	close(release)
	require.NoError(t, <-answered)
	s.both(t, 1, "/hangs")
	assert.Equal(t, map[any]int{"client": 1, "server": 1}, stalled(), "each side is reported once")
}

// oldest is the greatest age of a request that waited.
func (s *seen) oldest() (age float64) {
	for _, metrics := range s.metrics.AllMetrics() {
		eachMetric(metrics, func(m pmetric.Metric) {
			if m.Name() != "tapio.request.oldest_age" {
				return
			}
			for _, point := range m.Gauge().DataPoints().All() {
				age = max(age, point.DoubleValue())
			}
		})
	}
	return age
}
