// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withOwnMetrics lets a configuration of kernelStandard's kind serve the metrics of
// the collector itself, and returns where.
func withOwnMetrics(t *testing.T, config string) (adapted, address string) {
	t.Helper()
	address = freeAddress(t)
	host, port, _ := strings.Cut(address, ":")
	reader := "metrics: {level: detailed, readers: [{pull: {exporter: {prometheus: {host: " + host + ", port: " + port + "}}}}]}"
	return strings.Replace(config, "metrics: {level: none}", reader, 1), address
}

// What the receiver costs the kernel and where it loses records is in its own
// metrics, each probe and each stage for itself.
func TestTheKernelsShareIsAccountedFor(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	config, address := withOwnMetrics(t, strings.Replace(kernelStandard, "ebpf: {", "ebpf: {program_stats: true, ", 1))
	Start(t, config)
	require.NoError(t, exec.Command("true").Run())
	eventually(t, firstAnswerLimit, func() bool {
		return of(scrape(t, address), "otelcol_tapio_ebpf_events", `probe="process"`) > 0
	}, "events of processes that were read")
	samples := scrape(t, address)
	for _, probe := range []string{"process", "syscall", "cpu", "block", "file", "tcp", "http", "dns"} {
		label := `probe="` + probe + `"`
		if probe != "block" && probe != "http" && probe != "dns" { // no one need write to a disk or speak meanwhile
			require.Positive(t, of(samples, "otelcol_tapio_ebpf_program_runs", label), probe)
			require.Positive(t, of(samples, "otelcol_tapio_ebpf_program_run_time", label), probe)
		}
		require.Positive(t, of(samples, "otelcol_tapio_ebpf_map_memory", label), probe)
		require.Contains(t, labelsOf(samples, "otelcol_tapio_ebpf_lost"), label)
	}
	require.Less(t, of(samples, "otelcol_tapio_ebpf_map_memory", ""), 40e6, "bytes, of all maps together")
	require.Positive(t, of(samples, "otelcol_tapio_ebpf_syscalls", `timed="true"`))
	for metric, stages := range map[string][]string{
		"otelcol_tapio_ebpf_lost":    {"missed", "ring_buffer", "decode", "peers_map_full"},
		"otelcol_tapio_ebpf_dropped": {"filter", "sampling", "rate_limit", "pipeline"},
	} {
		for _, stage := range stages { // some are known after the first collection only
			eventually(t, firstAnswerLimit, func() bool {
				return strings.Contains(labelsOf(scrape(t, address), metric), `stage="`+stage+`"`)
			}, metric+" of the stage "+stage)
		}
	}
}

// labelsOf joins the labels of all samples of a metric.
func labelsOf(samples map[string]float64, metric string) string {
	var all []string
	for series := range samples {
		if name, labels, _ := strings.Cut(series, "{"); name == metric {
			all = append(all, labels)
		}
	}
	return strings.Join(all, " ")
}

func TestEachFeatureThatIsOffIsAMetric(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	config, address := withOwnMetrics(t, kernelStandard)
	c := launchAs(t, config, 65534)
	t.Cleanup(func() { c.finish(t) })
	c.awaitReady(t)
	samples := scrape(t, address)
	for _, probe := range []string{"process", "syscall", "cpu", "block", "file", "tcp", "http", "dns"} {
		labels := labelsOf(samples, "otelcol_tapio_ebpf_unavailable")
		require.Contains(t, labels, `probe="`+probe+`"`)
		require.Contains(t, labels, `reason="no_permission"`)
	}
	require.Positive(t, of(samples, "otelcol_tapio_ebpf_unavailable", `reason="no_permission"`))
}

func TestAMissingFeatureMayForbidTheStart(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := launchAs(t, strings.Replace(kernelStandard, "ebpf: {", "ebpf: {error_mode: propagate, ", 1), 65534)
	require.NotZero(t, c.awaitEnd(t))
	require.Contains(t, string(c.Log()), "error_mode is propagate")
	require.Contains(t, string(c.Log()), "CAP_BPF and CAP_PERFMON")
}
