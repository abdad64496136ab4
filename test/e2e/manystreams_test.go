// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// resident is the memory of the process, in bytes.
func (c *Collector) resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.PID()))
	require.NoError(t, err)
	_, after, found := bytes.Cut(status, []byte("VmRSS:"))
	require.True(t, found)
	line, _, _ := strings.Cut(string(after), "kB")
	kib, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	return kib << 10
}

// readSequences reads a stream until it has come to the last sequence: every
// record in order, or a loss in its place.
func readSequences(stream liveLogs, last uint64) (lost uint64, err error) {
	for next := uint64(1); next <= last; {
		p, err := stream.Recv()
		if err != nil {
			return lost, fmt.Errorf("before sequence %d: %w", next, err)
		}
		if p.Loss != nil {
			if p.Loss.FirstSequence != next {
				return lost, fmt.Errorf("the loss begins with %d, not with %d", p.Loss.FirstSequence, next)
			}
			next, lost = p.Loss.LastSequence+1, lost+p.Loss.Count
		}
		for _, e := range p.Logs {
			if e.Sequence != next {
				return lost, fmt.Errorf("sequence %d, not %d", e.Sequence, next)
			}
			next++
		}
	}
	return lost, nil
}

type liveLogs interface {
	Recv() (*tapiov1.StreamLogsResponse, error)
}

// A thousand readers over four connections get every record. A third of them
// does not read until the others are done, which holds up neither those nor the
// writer.
func TestAThousandStreams(t *testing.T) {
	c := Start(t, standard)
	const streams, batches, batch = 1000, 20, 100
	ctx, cancel := context.WithTimeout(t.Context(), 4*callLimit)
	defer cancel()
	before := c.resident(t)
	var fast, slow []liveLogs
	for range 4 {
		readers, sleepers := apiOf(t, c), slowAPI(t, c)
		for n := range streams / 4 {
			client, group := readers, &fast
			if n%3 == 0 {
				client, group = sleepers, &slow
			}
			stream, err := client.StreamLogs(ctx, &tapiov1.StreamLogsRequest{
				Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}},
			})
			require.NoError(t, err)
			*group = append(*group, stream)
		}
	}
	awaitStreams(t, apiOf(t, c), streams)
	open := c.resident(t)
	results := readAllStreams(fast, batches*batch)
	for i := range batches {
		sendGRPC(t, c, lines("app", i*batch, (i+1)*batch, ""))
	}
	lost, err := results()
	require.NoError(t, err, "of those who read")
	require.Zero(t, lost)
	t.Logf("memory of the collector: %d MiB, with %d streams open %d MiB, with %d of them stuck %d MiB",
		before>>20, streams, open>>20, len(slow), c.resident(t)>>20)
	_, err = readAllStreams(slow, batches*batch)()
	require.NoError(t, err, "of those who slept")
}

// readAllStreams reads all streams at once. The result waits for the end.
func readAllStreams(streams []liveLogs, last uint64) (result func() (lost uint64, err error)) {
	var group sync.WaitGroup
	losses, faults := make([]uint64, len(streams)), make([]error, len(streams))
	for i, stream := range streams {
		group.Go(func() { losses[i], faults[i] = readSequences(stream, last) })
	}
	return func() (lost uint64, err error) {
		group.Wait()
		for _, n := range losses {
			lost += n
		}
		return lost, errors.Join(faults...)
	}
}
