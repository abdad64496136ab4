// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"strconv"

	"go.opentelemetry.io/otel/metric"

	"github.com/tapio/tapio/internal/semconv"
)

// memoryLimit is the limit of each service, as of its container.
const memoryLimit = 192 << 20

// residentPages reads the second field of /proc/PID/statm, 0 if there is none.
func residentPages(statm []byte) int64 {
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64) // malformed reads as 0
	return pages
}

// reportUsage reports the process's memory and CPU time with each export of
// metrics.
func (t *telemetry) reportUsage() error {
	meter := t.meter()
	memory, err := meter.Int64ObservableUpDownCounter(semconv.MetricProcessMemoryUsage, metric.WithUnit("By"))
	if err != nil {
		return err
	}
	share, err := meter.Float64ObservableGauge(semconv.MetricProcessMemoryUtilization, metric.WithUnit("1"))
	if err != nil {
		return err
	}
	cpu, err := meter.Float64ObservableCounter(semconv.MetricProcessCPUTime, metric.WithUnit("s"))
	if err != nil {
		return err
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		used, seconds := usage()
		o.ObserveInt64(memory, used)
		o.ObserveFloat64(share, float64(used)/memoryLimit)
		o.ObserveFloat64(cpu, seconds)
		return nil
	}, memory, share, cpu)
	return err
}
