// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// kernelOnly is the standard collector with the eBPF receiver alone in its pipelines
// and only some of its probes, so that the test knows everything that is reported.
func kernelOnly(t *testing.T, signals string, probes ...string) (config, address string) {
	t.Helper()
	on := map[string]string{}
	for _, one := range probes {
		name, _, _ := strings.Cut(one, ":")
		on[name] = one
	}
	var all []string
	for _, name := range []string{"process", "syscall", "cpu", "block", "file", "tcp", "http", "redis", "postgresql", "dns"} {
		if one, ok := on[name]; ok {
			all = append(all, one)
			continue
		}
		all = append(all, name+": {enabled: false}")
	}
	receiver := "  ebpf: {collection_interval: 200ms, " + signals + "probes: {" + strings.Join(all, ", ") + "}}\nexporters"
	return withOwnMetrics(t, strings.NewReplacer(
		"  tapio: {extension: tapio}\nexporters", "  tapio: {extension: tapio}\n"+receiver,
		"receivers: [otlp, tapio]", "receivers: [tapio, ebpf]", "{receivers: [otlp]", "{receivers: [otlp, ebpf]",
	).Replace(standard))
}

// dropped is what a stage kept back of a signal.
func dropped(samples map[string]float64, signal, stage string) (sum float64) {
	for series, value := range samples {
		if strings.HasPrefix(series, "otelcol_tapio_ebpf_dropped{") && strings.Contains(series, `signal="`+signal+`"`) &&
			strings.Contains(series, `stage="`+stage+`"`) {
			sum += value
		}
	}
	return sum
}

// arrived is how many records of a signal the store has taken in.
func arrived(t *testing.T, client api, signal string) float64 {
	t.Helper()
	for _, of := range storeOf(t, client) {
		if of.Signal == signal {
			return float64(of.AppendedCount)
		}
	}
	require.Fail(t, "the store tells nothing of "+signal)
	return 0
}

// No one but the test touches the folder, so what there was to report is known to the
// record: three events a file.
func TestWhatIsKeptBackIsCountedToTheRecord(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	for range 5 {
		if keepsBackToTheRecord(t) {
			return
		}
	}
	require.Fail(t, "records of the kernel are lost each time", "is the host too busy?")
}

// keepsBackToTheRecord reports false if the kernel had more for the collector than it
// could read, which is counted, too, but not by kind.
func keepsBackToTheRecord(t *testing.T) bool {
	t.Helper()
	folder := t.TempDir()
	config, address := kernelOnly(t,
		`logs: {exclude: ['event_name == "tapio.file.open"'], sampling_percent: 50, max_per_second: 5}, `, "file: {paths: ["+folder+"]}")
	c := Start(t, config)
	const files, produced = 100, 300
	shell := exec.Command("sh", "-c", fmt.Sprintf("for i in $(seq %d); do echo x >f$i; done; rm $(seq -f f%%g %[1]d)", files))
	shell.Dir = folder
	output, err := shell.CombinedOutput()
	require.NoError(t, err, "%s", output)

	var samples map[string]float64
	var delivered, kept, before float64
	unchanged, complete := 0, false
	client := apiOf(t, c)
	eventually(t, firstAnswerLimit, func() bool {
		samples, delivered = scrape(t, address), arrived(t, client, "logs")
		if kept = delivered + of(samples, "otelcol_tapio_ebpf_dropped", `signal="logs"`); kept != before {
			before, unchanged = kept, 0
		}
		unchanged++
		complete = kept == produced && of(samples, "otelcol_tapio_ebpf_events", `probe="file"`) >= produced
		return complete || unchanged > 20 && of(samples, "otelcol_tapio_ebpf_lost", `probe="file"`) >= produced-kept
	}, "produced = delivered + dropped + lost")
	if !complete {
		require.Zero(t, c.Stop())
		return false
	}
	require.Positive(t, delivered)
	require.EqualValues(t, files, dropped(samples, "logs", "filter"), "one open of each")
	require.EqualValues(t, files, dropped(samples, "logs", "sampling"), "half of the others")
	require.EqualValues(t, files-delivered, dropped(samples, "logs", "rate_limit"))
	require.Positive(t, dropped(samples, "logs", "rate_limit"))
	require.NotContains(t, string(tapioctl(t, c, "observe", "events", "-o", "json")), "tapio.file.open")
	return true
}

// request asks a server, each time over a connection of its own.
func request(t *testing.T, path string, times int) {
	t.Helper()
	url := goServer(t)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range times {
		answer, err := client.Get(url + path)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
	}
}

// A share of the traces passes, each whole; what others on this host ask for is kept
// out by a condition, and counted apart.
func TestAShareOfTracesPassesWhole(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	config, address := kernelOnly(t, `traces: {include: ['attributes["url.path"] == "/kept"'], sampling_percent: 50}, `, "http: {enabled: true}")
	c := Start(t, config)
	const requests = 64
	request(t, "/kept", requests)
	client := apiOf(t, c)
	var sampled, delivered float64
	eventually(t, firstAnswerLimit, func() bool {
		sampled, delivered = dropped(scrape(t, address), "traces", "sampling"), arrived(t, client, "traces")
		return sampled+delivered == 2*requests
	}, "each span is delivered or counted")
	require.Positive(t, sampled)
	require.Positive(t, delivered)
	traces := strings.Count(string(tapioctl(t, c, "get", "traces", "-l", "url.path=/kept", "--limit", "1000", "-o", "json")), `"resourceSpans"`)
	require.EqualValues(t, delivered, 2*traces, "of a trace both spans passed or none")
}

func TestASignalThatIsOffStaysOffAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	config, _ := kernelOnly(t, `logs: {enabled: false}, traces: {enabled: false}, metrics: {include: ['metric.name == "http.client.request.duration"']}, `,
		"http: {enabled: true}", "process: {enabled: true}")
	c := Start(t, config)
	request(t, "/off", 1)
	awaitOutput(t, c, `"http.client.request.duration"`, "get", "metrics", "--name", "http.client.request.duration", "-o", "json")
	require.Zero(t, arrived(t, apiOf(t, c), "logs"))
	require.Zero(t, arrived(t, apiOf(t, c), "traces"))
	require.NotContains(t, string(tapioctl(t, c, "get", "metrics", "-o", "json")), "http.server.request.duration")
}
