// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/backend/remote"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// loopFront is a front whose members are set once all servers run.
type loopFront struct {
	*servedStore
	id     string
	reader *federation.Reader
}

func newLoopFront(t *testing.T, id string) *loopFront {
	f := &loopFront{id: id, reader: federation.New(federation.Options{
		ID: id, Timeout: time.Minute, Calls: 4, QueryMemory: 64 << 20, Now: time.Now, Panicked: func(err error) { assert.NoError(t, err) },
	})}
	f.servedStore = newServedFront(t, id, func(*servedStore) query.Reader { return f.reader })
	_, err := f.AppendEvents([]model.Event{{Time: 1e18, Body: model.StringValue(id), Resource: &model.Resource{}, Scope: &model.Scope{}}})
	require.NoError(t, err)
	return f
}

// readFrom makes other servers members, each over a connection of its own.
func (f *loopFront) readFrom(t *testing.T, others ...*loopFront) {
	members := []federation.Member{{Name: "local", Reader: f.Reader()}}
	for _, other := range others {
		conn, err := grpc.NewClient(other.conn.Target(), append(calls.VisitedOptions(f.id), grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, conn.Close()) })
		members = append(members, federation.Member{Name: other.id, Reader: remote.New(conn, remote.Options{
			Name: other.id, QueryMemory: 64 << 20, Now: time.Now, Panicked: func(err error) { assert.NoError(t, err) },
		})})
	}
	require.Empty(t, f.reader.SetMembers(members))
}

// logs returns the records that a server answers with, and the sources that it lacks.
func (f *loopFront) logs(t *testing.T) (texts []string, missing []string) {
	answer, err := tapiov1.NewObservabilityServiceClient(f.conn).GetLogs(t.Context(), &tapiov1.GetLogsRequest{})
	require.NoError(t, err)
	for _, e := range answer.GetLogs() {
		texts = append(texts, e.GetLogRecord().GetBody().GetStringValue())
	}
	for _, note := range answer.GetNotes() {
		require.Contains(t, note.GetMessage(), "form a loop")
		missing = append(missing, note.GetSource())
	}
	return texts, missing
}

// A server that finds its own address among its members answers once, without a note.
func TestMemberOfItself(t *testing.T) {
	front := newLoopFront(t, "a")
	front.readFrom(t, front)
	stream, err := tapiov1.NewObservabilityServiceClient(front.conn).StreamLogs(t.Context(), &tapiov1.StreamLogsRequest{
		Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_Last{Last: 10}}, ReportPosition: true,
	})
	require.NoError(t, err)
	records := 0
	for caughtUp := false; !caughtUp; {
		message, err := stream.Recv()
		require.NoError(t, err)
		require.Empty(t, message.GetNotes())
		require.Nil(t, message.GetLoss())
		records += len(message.GetLogs())
		caughtUp = message.GetCaughtUp()
	}
	require.Equal(t, 1, records)

	front.readFrom(t, front)
	texts, missing := front.logs(t)
	require.Equal(t, []string{"a"}, texts)
	require.Empty(t, missing)
}

// Members that read from each other are refused: no record is returned twice, and the
// note names the loop.
func TestLoopOfMembers(t *testing.T) {
	a, b, c, outer := newLoopFront(t, "a"), newLoopFront(t, "b"), newLoopFront(t, "c"), newLoopFront(t, "outer")
	a.readFrom(t, b, c)
	b.readFrom(t, a, c)
	c.readFrom(t)
	outer.readFrom(t, a)
	texts, missing := a.logs(t)
	require.ElementsMatch(t, []string{"a", "c"}, texts)
	require.Equal(t, []string{"b"}, missing)

	texts, missing = outer.logs(t)
	require.ElementsMatch(t, []string{"outer", "a", "c"}, texts)
	require.Equal(t, []string{"a/b"}, missing)
}
