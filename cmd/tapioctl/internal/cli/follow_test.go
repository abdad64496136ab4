// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// visit is one stream that the fake server gives.
type visit struct {
	send *tapiov1.StreamLogsResponse
	end  error
}

// followed runs `observe -f` against a script of streams. After the last one the
// person presses Ctrl-C.
type followed struct {
	starts []*tapiov1.StreamStart
	delays []time.Duration
	result result
}

func follow(t *testing.T, fake *fakeServer, visits []visit, args ...string) followed {
	t.Helper()
	var got followed
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	fake.streamLogs = func(request *tapiov1.StreamLogsRequest, stream logStream) error {
		got.starts = append(got.starts, request.GetStart())
		v := visits[len(got.starts)-1]
		if v.send != nil {
			if err := stream.Send(v.send); err != nil {
				return err
			}
		}
		if len(got.starts) < len(visits) {
			return v.end
		}
		interrupt()
		<-stream.Context().Done()
		return v.end
	}
	c := newCLI(t, fake)
	c.app.Sleep = func(ctx context.Context, d time.Duration) error {
		got.delays = append(got.delays, d)
		return ctx.Err()
	}
	got.result = c.runContext(ctx, append([]string{"observe", "-f"}, args...)...)
	return got
}

func afterSequence(n uint64) *tapiov1.StreamStart {
	return &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{AfterSequence: n}}
}

func requireStarts(t *testing.T, want, got []*tapiov1.StreamStart) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		assert.Truef(t, proto.Equal(want[i], got[i]), "stream %d begins with %v, want %v", i, got[i], want[i])
	}
}

func logsMessage(events ...*tapiov1.Event) *tapiov1.StreamLogsResponse {
	return &tapiov1.StreamLogsResponse{Logs: events}
}

var errStopping = status.Error(codes.Unavailable, "server is stopping")

func TestFollowTakesUpACutStream(t *testing.T) {
	got := follow(t, &fakeServer{info: sampleInfo}, []visit{
		{send: logsMessage(sampleLog(101, "one"), sampleLog(102, "two")), end: errStopping},
		{send: &tapiov1.StreamLogsResponse{Loss: &tapiov1.Loss{Count: 3, FirstSequence: 103, LastSequence: 105}}, end: nil},
		{},
	})
	assert.Equal(t, exitcode.OK, got.result.code, "an interrupt is no failure")
	// It begins after the newest record of the store, so that a cut before the
	// first record leaves no gap either.
	requireStarts(t, []*tapiov1.StreamStart{afterSequence(100), afterSequence(102), afterSequence(105)}, got.starts)
	assert.Equal(t, []string{
		"tapioctl: stream cut (server is stopping); reconnecting in 500ms",
		"tapioctl: lost 3 records (sequence 103 to 105): the server gives no reason",
		"tapioctl: stream cut (ended by the server); reconnecting in 500ms",
	}, strings.Split(strings.TrimSpace(got.result.errOut), "\n"))
	assert.Equal(t, 1, strings.Count(got.result.out, "one"))
	assert.Equal(t, 1, strings.Count(got.result.out, "two"))
}

func TestFollowBacksOffWithinBounds(t *testing.T) {
	cut := visit{end: errStopping}
	got := follow(t, &fakeServer{info: sampleInfo}, []visit{cut, cut, cut, cut, cut, cut, cut, {}})
	const s = time.Second
	assert.Equal(t, []time.Duration{s / 2, s, 2 * s, 4 * s, 8 * s, 10 * s, 10 * s}, got.delays)
}

func TestFollowAsksAgainForTheLastUntilItSawOne(t *testing.T) {
	last := &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: 5}}
	got := follow(t, &fakeServer{info: sampleInfo}, []visit{
		{end: errStopping}, {send: logsMessage(sampleLog(7, "seen")), end: errStopping}, {},
	}, "--last", "5")
	requireStarts(t, []*tapiov1.StreamStart{last, last, afterSequence(7)}, got.starts)
}

func TestFollowReadsANewStoreFromItsBeginning(t *testing.T) {
	calls := 0
	info := func() (*tapiov1.GetServiceInfoResponse, error) {
		calls++
		answer, err := sampleInfo()
		if calls > 1 {
			answer.StoreStartTime = timestamppb.New(testNow())
		}
		return answer, err
	}
	got := follow(t, &fakeServer{info: info}, []visit{{send: logsMessage(sampleLog(500, "old")), end: errStopping}, {}})
	requireStarts(t, []*tapiov1.StreamStart{afterSequence(100), afterSequence(0)}, got.starts)
	assert.Contains(t, got.result.errOut, "the server has a new store")
}

func TestFollowWithoutServiceInfo(t *testing.T) {
	got := follow(t, &fakeServer{}, []visit{{send: logsMessage(sampleLog(7, "seen")), end: errStopping}, {}})
	requireStarts(t, []*tapiov1.StreamStart{nil, afterSequence(7)}, got.starts)
}

func TestFollowEndsWhenTheServerRefuses(t *testing.T) {
	got := follow(t, &fakeServer{info: sampleInfo}, []visit{
		{end: status.Error(codes.InvalidArgument, "filter.text: at most 1024 bytes")}, {},
	})
	assert.Equal(t, exitcode.Usage, got.result.code)
	assert.Len(t, got.starts, 1)
	assert.Equal(t, "tapioctl: the server refuses the request: filter.text: at most 1024 bytes\n", got.result.errOut)
}

func TestFollowDoesNotWaitForAServerThatNeverAnswered(t *testing.T) {
	fake := &fakeServer{info: func() (*tapiov1.GetServiceInfoResponse, error) { return nil, errStopping }}
	got := follow(t, fake, nil)
	assert.Equal(t, exitcode.Unreachable, got.result.code)
	assert.Empty(t, got.starts)
}
