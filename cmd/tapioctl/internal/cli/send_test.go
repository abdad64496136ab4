// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/send"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// taken is a server that keeps what it is sent.
type taken struct {
	mu     sync.Mutex
	events []*tapiov1.Event
	sizes  []int
}

func (k *taken) take(batch *tapiov1.EventBatch) (*tapiov1.BatchAck, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.events = append(k.events, batch.GetEvents()...)
	k.sizes = append(k.sizes, len(batch.GetEvents()))
	return &tapiov1.BatchAck{BatchId: batch.GetBatchId(), AcceptedCount: uint64(len(batch.GetEvents()))}, nil
}

func runSend(t *testing.T, fake *fakeServer, input string, args ...string) result {
	t.Helper()
	c := newCLI(t, fake)
	c.in.WriteString(input)
	return c.run(t, append([]string{"send"}, args...)...)
}

func sent(t *testing.T, input string, args ...string) []*tapiov1.Event {
	t.Helper()
	var kept taken
	requireSuccess(t, runSend(t, &fakeServer{take: kept.take}, input, args...))
	return kept.events
}

// What observe printed is sent as it was, but for its place in the store.
func TestSendTakesWhatWasPrinted(t *testing.T) {
	var want []*tapiov1.Event
	for _, event := range sent(t, recorded(t, "json")) {
		want = append(want, event)
		require.Zero(t, event.GetSequence())
		require.NotEmpty(t, event.GetId())
	}
	require.Len(t, want, 2)
	for i, event := range sent(t, recorded(t, "jsonpb")) {
		assert.True(t, proto.Equal(want[i], event))
	}
}

func TestSendTakesOTLP(t *testing.T) {
	const document = `{
  "resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]}, "schemaUrl": "a",
    "scopeLogs": [{"scope": {"name": "lib"}, "schemaUrl": "b", "logRecords": [
      {"body": {"stringValue": "one"}, "traceId": "0102030405060708090a0b0c0d0e0f10"}, {"body": {"stringValue": "two"}}]}]}]
}`
	events := sent(t, document+"\n"+document)
	require.Len(t, events, 4)
	assert.Equal(t, "two", events[1].GetLogRecord().GetBody().GetStringValue())
	assert.Equal(t, "cart", events[1].GetResource().GetAttributes()[0].GetValue().GetStringValue())
	assert.Equal(t, []string{"lib", "a", "b"}, []string{events[3].GetScope().GetName(), events[3].GetResourceSchemaUrl(), events[3].GetScopeSchemaUrl()})
	assert.Len(t, events[2].GetLogRecord().GetTraceId(), 16)
}

func TestSendTakesLines(t *testing.T) {
	events := sent(t, "\none\r\n\n{two\n", "--service", "cart", "--event-name", "line", "--severity", "error")
	require.Len(t, events, 2)
	assert.Equal(t, "one", events[0].GetLogRecord().GetBody().GetStringValue())
	assert.Equal(t, "{two", events[1].GetLogRecord().GetBody().GetStringValue())
	assert.Equal(t, "line", events[1].GetLogRecord().GetEventName())
	assert.EqualValues(t, 17, events[1].GetLogRecord().GetSeverityNumber())
	assert.EqualValues(t, testNow().UnixNano(), events[1].GetLogRecord().GetTimeUnixNano())
	assert.Equal(t, "cart", events[1].GetResource().GetAttributes()[0].GetValue().GetStringValue())
	assert.Empty(t, sent(t, ""))
	assert.Len(t, sent(t, "{no json\n", "--format", "text"), 1)
}

func TestSendReadsFilesInBatches(t *testing.T) {
	var names []string
	for i := range 3 {
		name := filepath.Join(t.TempDir(), "events")
		require.NoError(t, os.WriteFile(name, []byte(strings.Repeat(fmt.Sprintln("line", i), 10)), 0o600))
		names = append(names, name)
	}
	var kept taken
	r := runSend(t, &fakeServer{take: kept.take}, "", append(names, "--batch-size", "4", "--rate", "1e6", "-o", "json")...)
	requireSuccess(t, r)
	require.Len(t, kept.events, 30)
	for _, size := range kept.sizes {
		assert.LessOrEqual(t, size, 4)
	}
	var summary send.SendSummary
	require.NoError(t, json.Unmarshal([]byte(r.out), &summary))
	assert.EqualValues(t, 30, summary.Sent)
	assert.EqualValues(t, 30, summary.Stored)
	assert.EqualValues(t, len(kept.sizes), summary.Batches)
}

// What the server refuses is counted by reason and named by its line.
func TestSendReportsRefusals(t *testing.T) {
	refuse := func(batch *tapiov1.EventBatch) (*tapiov1.BatchAck, error) {
		ack := &tapiov1.BatchAck{BatchId: batch.GetBatchId(), AcceptedCount: uint64(len(batch.GetEvents()))}
		for i, event := range batch.GetEvents() {
			if event.GetLogRecord().GetBody().GetStringValue() == "bad" {
				ack.AcceptedCount--
				ack.RejectedCount++
				ack.Failures = append(ack.Failures, &tapiov1.EventFailure{
					Index: int32(i), Code: int32(codes.InvalidArgument), Message: "is bad",
				})
			}
		}
		return ack, nil
	}
	r := runSend(t, &fakeServer{take: refuse}, "good\nbad\ngood\nbad\n")
	assert.Equal(t, exitcode.Refused, r.code)
	assert.Contains(t, r.errOut, "stdin:2: refused: is bad")
	assert.Contains(t, r.errOut, "stdin:4: refused: is bad")
	assert.Contains(t, r.errOut, "the server refused 2 events: InvalidArgument 2")
	assert.Contains(t, r.out, "2 stored, InvalidArgument 2 refused, 0 not acknowledged")
}

func TestSendEndsWhereItMayNotWrite(t *testing.T) {
	deny := func(*tapiov1.EventBatch) (*tapiov1.BatchAck, error) {
		return nil, status.Error(codes.PermissionDenied, "no")
	}
	r := runSend(t, &fakeServer{take: deny}, "one\n")
	assert.Equal(t, exitcode.Refused, r.code)
	assert.Contains(t, r.errOut, "denies access")
	assert.Contains(t, r.out, "1 not acknowledged")
}

// A cut is waited out; a server that never answers is given up.
func TestSendOutlivesACut(t *testing.T) {
	var kept taken
	cut := true
	r := runSend(t, &fakeServer{take: func(batch *tapiov1.EventBatch) (*tapiov1.BatchAck, error) {
		if cut {
			cut = false
			return nil, status.Error(codes.Unavailable, "restarting")
		}
		return kept.take(batch)
	}}, "one\n")
	requireSuccess(t, r)
	assert.Contains(t, r.out, "1 stored, 0 refused, 0 not acknowledged; 0 batches already stored, 1 cut")

	away := func(*tapiov1.EventBatch) (*tapiov1.BatchAck, error) {
		return nil, status.Error(codes.Unavailable, "away")
	}
	r = runSend(t, &fakeServer{take: away}, "one\n", "--retry-for", "50ms")
	assert.Equal(t, exitcode.Unreachable, r.code)
	assert.Contains(t, r.errOut, "gave up")
}

func TestSendRefusesFlags(t *testing.T) {
	for _, args := range [][]string{
		{"--batch-size", "0"},
		{"--batch-size", "100001"},
		{"--rate", "-1"},
		{"--rate", "NaN"},
		{"--retry-for", "0s"},
		{"--sender", strings.Repeat("x", 101)},
		{"--format", "xml"},
		{"no such file"},
	} {
		r := runSend(t, &fakeServer{}, "one\n", args...)
		assert.Equal(t, exitcode.Usage, r.code, "%v: %s", args, r.errOut)
	}
	r := runSend(t, &fakeServer{}, `{"logRecord":{}}`, "--service", "x")
	assert.Equal(t, exitcode.Usage, r.code)
	assert.Contains(t, r.errOut, "--service, --event-name and --severity are for text only")
}
