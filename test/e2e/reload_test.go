// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const reloads = 10

// A reload passes: a writer goes on, and what was acknowledged is stored, once.
func TestAWriterGoesOnOverReloads(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	c := Start(t, standard, "--set=extensions::tapio::grpc::endpoint="+address)
	done := make(chan struct{})
	writer := client.NewWriter(dial(t, address, insecure.NewCredentials()), client.WriterOptions{BatchEvents: 10})
	stop := make(chan struct{})
	written := 0
	var failed error
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				failed = writer.Flush(bounded(t))
				return
			default:
				if failed = writer.Write(bounded(t), event(written, "e2e.reload")); failed != nil {
					return
				}
				written++
			}
		}
	}()
	for range reloads {
		c.askReload(t)
		c.awaitReady(t)
	}
	close(stop)
	<-done
	require.NoError(t, failed)
	require.NoError(t, writer.Close(bounded(t)))
	require.Positive(t, writer.Stats().Cuts, "a reload cuts the stream")
	require.EqualValues(t, written, writer.Stats().Accepted)
	require.Zero(t, writer.Stats().Rejected)
	require.NotContains(t, string(c.Log()), "no tapio receiver")
	counts := map[int]int{}
	request := &tapiov1.GetEventsRequest{Filter: &tapiov1.Filter{EventNames: []string{"e2e.reload"}, Limit: 10000}}
	for page := apiOf(t, c); ; {
		got, err := page.events.GetEvents(bounded(t), request)
		require.NoError(t, err)
		for _, n := range numbers(got.Events) {
			counts[n]++
		}
		if request.Filter.PageToken = got.NextPageToken; got.NextPageToken == "" {
			break
		}
	}
	require.Len(t, counts, written)
	for n, times := range counts {
		require.Equal(t, 1, times, "record %d", n)
	}
}

func TestTapioctlSendGoesOnOverReloads(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	c := Start(t, standard, "--set=extensions::tapio::grpc::endpoint="+address)
	cmd := exec.CommandContext(bounded(t), binary(t, "TAPIOCTL_BIN", "tapioctl"), "--server", address, "send", "--event-name", "e2e.send")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	const lines = 500 // of each reload
	_, err = io.WriteString(in, "first\n")
	require.NoError(t, err)
	require.Eventually(t, func() bool { return storedLogs(t, apiOf(t, c)).GetRecordCount() > 0 }, startLimit, pollEvery,
		"a server that is not there at first is an error")
	for i := range reloads {
		_, err := io.WriteString(in, strings.Repeat(strconv.Itoa(i)+"\n", lines))
		require.NoError(t, err, out.String())
		c.askReload(t)
		_, err = io.WriteString(in, strings.Repeat(strconv.Itoa(i)+"\n", lines))
		require.NoError(t, err, out.String())
		c.awaitReady(t)
	}
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait(), out.String())
	require.EqualValues(t, 1+2*reloads*lines, storedLogs(t, apiOf(t, c)).GetRecordCount())
	require.Contains(t, out.String(), "10,001 stored, 0 refused, 0 not acknowledged")
}
