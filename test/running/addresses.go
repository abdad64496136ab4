// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

const (
	stopLimit = 10 * time.Second
	pollEvery = 20 * time.Millisecond
)

// Addresses is where a collector listens, "" for what it does not serve.
type Addresses struct{ OTLPGRPC, OTLPHTTP, GRPC, HTTP, PProf string }

// AwaitReady waits until the log after its first bytes reports that everything is ready, and returns the addresses in it.
func (p *Process) AwaitReady(ctx context.Context, after int, limit time.Duration) (Addresses, error) {
	timer, poll := time.NewTimer(limit), time.NewTicker(pollEvery)
	defer timer.Stop()
	defer poll.Stop()
	for {
		if found, ready := ReadAddresses(p.Log()[after:]); ready {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return Addresses{}, ctx.Err()
		case <-p.Ended():
			return Addresses{}, fmt.Errorf("the collector ended with exit code %d:\n%s", p.Wait(), p.LogEnd())
		case <-timer.C:
			return Addresses{}, fmt.Errorf("the collector is not ready after %v:\n%s", limit, p.LogEnd())
		case <-poll.C:
		}
	}
}

// ReadAddresses reads the log of a collector, as JSON, and reports whether it is ready. It knows the log of Jaeger, too.
func ReadAddresses(log []byte) (at Addresses, ready bool) {
	for line := range bytes.Lines(log) {
		var entry struct {
			Msg, Transport, Endpoint string
			HTTPAddr                 string `json:"http_addr"` // of Jaeger
			Config                   struct{ TCPAddr struct{ Endpoint string } }
		}
		if json.Unmarshal(line, &entry) != nil {
			continue
		}
		switch entry.Msg + entry.Transport {
		case "Starting GRPC server":
			if entry.Endpoint != "" { // Jaeger's API logs the same
				at.OTLPGRPC = entry.Endpoint
			}
		case "Starting HTTP server":
			if entry.Endpoint != "" {
				at.OTLPHTTP = entry.Endpoint
			}
		case "Tapio API listeninggrpc":
			at.GRPC = entry.Endpoint
		case "Tapio API listeninghttp":
			at.HTTP = entry.Endpoint
		case "Query server started":
			at.HTTP = entry.HTTPAddr
		case "Starting net/http/pprof server":
			at.PProf = entry.Config.TCPAddr.Endpoint
		case "Everything is ready. Begin running and processing data.":
			ready = true
		}
	}
	return at, ready
}
