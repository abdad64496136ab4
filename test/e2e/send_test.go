// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// run runs the client and returns its output and its exit code.
func run(t *testing.T, address, input string, args ...string) (out, problem string, code int) {
	t.Helper()
	cmd := exec.CommandContext(bounded(t), binary(t, "TAPIOCTL_BIN", "tapioctl"), append([]string{"--server", address}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// What one server's client printed, another server stores as it was: everything
// but the place in the store.
func TestSendGoesRound(t *testing.T) {
	t.Parallel()
	from, to := Start(t, standard), Start(t, standard)
	sent := fullLogs(t)
	sendGRPC(t, from, sent)
	printed := map[string]string{}
	for _, format := range []string{"jsonpb", "json"} {
		printed[format] = string(tapioctl(t, from, "observe", "--with-events", "--last", "1000", "-o", format))
		out, problem, code := run(t, to.GRPC, printed[format], "send")
		require.Zero(t, code, problem)
		require.Contains(t, out, "0 refused, 0 not acknowledged")
	}
	for name, printedBy := range map[string]*Collector{"from": from, "to": to} {
		printed[name] = string(tapioctl(t, printedBy, "observe", "--with-events", "--last", "1000", "-o", "json"))
	}
	var original, copies []*tapiov1.Event
	records(t, []byte(printed["from"]), &original)
	records(t, []byte(printed["to"]), &copies)
	require.Len(t, copies, 2*len(original))
	for i, one := range copies {
		require.Equal(t, original[i%len(original)].Id, one.Id)
	}
	want := eventTexts(original)
	for _, one := range copies {
		require.Contains(t, want, withoutUID(one, want))
	}
}

// withoutUID gives the text of an event, if need be without the id that stands
// among the attributes of what was written with one.
func withoutUID(e *tapiov1.Event, originals []string) string {
	text := func() string { return eventTexts([]*tapiov1.Event{e})[0] }
	if whole := text(); slices.Contains(originals, whole) {
		return whole
	}
	e.LogRecord.Attributes = slices.DeleteFunc(e.LogRecord.Attributes, func(kv *common.KeyValue) bool { return kv.Key == "log.record.uid" })
	return text()
}

// However batches are compressed, the same is stored: ids, origins, all values.
func TestSendCompressed(t *testing.T) {
	t.Parallel()
	from := Start(t, standard)
	sendGRPC(t, from, fullLogs(t))
	saved := string(tapioctl(t, from, "observe", "--with-events", "--last", "1000", "-o", "json"))
	stored := map[string][]string{}
	for _, how := range []string{"none", "gzip", "zstd", "lz4", "snappy"} {
		to := Start(t, standard)
		out, problem, code := run(t, to.GRPC, saved, "send", "--compression", how)
		require.Zero(t, code, problem)
		require.Contains(t, out, "0 refused, 0 not acknowledged")
		var events []*tapiov1.Event
		records(t, tapioctl(t, to, "observe", "--with-events", "--last", "1000", "-o", "json"), &events)
		for _, one := range events {
			stored[how] = append(stored[how], one.Id+eventTexts([]*tapiov1.Event{one})[0])
		}
		require.NotEmpty(t, stored[how])
		require.Equal(t, stored["none"], stored[how], how)
	}
}

// An event that is too large for a message is a fault of the input, reported at once,
// and many long ones are as many messages as it takes.
func TestSendLongEvents(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	long := strings.Repeat("x", 1<<20)
	out, problem, code := run(t, c.GRPC, strings.Repeat(long+"\n", 6)+strings.Repeat("y", 5<<20)+"\n", "send")
	require.Equal(t, 2, code, problem)
	require.Contains(t, problem, "stdin:7: skipped: the event has 5242")
	require.Contains(t, problem, "grpc::max_recv_msg_size_mib")
	require.Contains(t, out, "6 stored, 0 refused, 0 not acknowledged")
	require.Contains(t, out, " 0 cuts")
}

// A send goes on through a server that is killed and comes back: every event is
// stored once.
func TestSendOutlivesTheServer(t *testing.T) {
	t.Parallel()
	address, directory := freeAddress(t), t.TempDir()
	start := func() *Collector {
		return Start(t, standard, append(inDirectory(directory), "--set=extensions::tapio::grpc::endpoint="+address)...)
	}
	first := start()
	const count = 2000
	var input strings.Builder
	for i := range count {
		text, err := protojson.Marshal(event(i, "e2e.sent"))
		require.NoError(t, err)
		fmt.Fprintln(&input, string(text))
	}
	type result struct {
		out, problem string
		code         int
	}
	done := make(chan result, 1)
	go func() {
		out, problem, code := run(t, address, input.String(), "send", "--rate", "1000", "--batch-size", "50")
		done <- result{out, problem, code}
	}()
	client := apiAt(dial(t, address, insecure.NewCredentials()))
	eventually(t, callLimit, func() bool { return figuresOf(t, client).AcceptedRecordCount >= 200 }, "it has begun")
	require.Zero(t, first.Stop())
	start()
	r := <-done
	require.Zero(t, r.code, r.problem)
	require.Contains(t, r.out, "2,000 stored, 0 refused, 0 not acknowledged")
	require.NotContains(t, r.out, " 0 cuts")
	require.Equal(t, sequence(0, count), stored(t, client, "e2e.sent"), "each once, in order")
}

func TestSendReportsFaults(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	file := filepath.Join(t.TempDir(), "events.jsonl")
	good := `{"logRecord":{"eventName":"e2e.good"}}`
	require.NoError(t, os.WriteFile(file, []byte(good+"\n"+`{"logRecord":{"severityNumber":"loud"}}`+"\n"), 0o600))
	_, problem, code := run(t, c.GRPC, "", "send", file)
	require.Equal(t, 2, code)
	require.Contains(t, problem, file+":2: skipped: logRecord.severityNumber: ")
	_, problem, code = run(t, "localhost:1", good, "send")
	require.Equal(t, 3, code)
	require.Contains(t, problem, "server not reachable at localhost:1")
	out, problem, code := run(t, c.GRPC, "a line\nanother\n", "send", "--service", "shell", "--event-name", "e2e.line")
	require.Zero(t, code, problem)
	require.Contains(t, out, "sent 2 events")
	require.NotContains(t, problem, "\x1b", "no progress where there is no terminal")
	require.Contains(t, string(tapioctl(t, c, "observe", "events", "--event-name", "e2e.line")), "another")
}

// --until ends with the records that are older, for every signal.
func TestObserveUntil(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	sendGRPC(t, c, fullTraces(t))
	sendGRPC(t, c, fullMetrics(t))
	sendGRPC(t, c, lines("app", 0, 3, "e2e.until"))
	sendGRPC(t, c, lines("app", 3, 6, ""))
	for _, signal := range []string{"logs", "events", "spans", "metrics"} {
		later := time.Now().Add(time.Hour).Format(time.RFC3339)
		require.NotEmpty(t, tapioctl(t, c, "observe", signal, "--until", later), signal)
		require.Empty(t, tapioctl(t, c, "observe", signal, "--until", "2001-01-01T00:00:00Z"), signal)
	}
	_, problem, code := run(t, c.GRPC, "", "observe", "-f", "--until", "5m")
	require.Equal(t, 2, code)
	require.Contains(t, problem, "until")
}
