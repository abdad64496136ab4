// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// garbage is what the collector's garbage collector has to do.
type garbage struct {
	objects uint64          // on the heap
	live    uint64          // bytes of these
	cycles  uint64          // since the start
	pauses  []time.Duration // of the latest cycles, 256 at most, the newest first
}

// garbageOf asks the collector's pprof extension. Without that extension, as in the
// shipped configuration, nothing is measured.
func garbageOf(ctx context.Context, c *collector) (garbage, error) {
	if c.pprof == "" {
		return garbage{}, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.pprof+"/debug/pprof/heap?gc=1&debug=1", nil)
	if err != nil {
		return garbage{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return garbage{}, fmt.Errorf("read the collector's heap: %w", err)
	}
	defer response.Body.Close()
	return readGarbage(response.Body)
}

// readGarbage reads the figures at the end of a heap profile in text.
func readGarbage(profile io.Reader) (garbage, error) {
	var g garbage
	lines := bufio.NewScanner(profile)
	lines.Buffer(nil, 1<<20)
	var ring []time.Duration
	for lines.Scan() {
		name, value, found := strings.Cut(strings.TrimPrefix(lines.Text(), "# "), " = ")
		if !found {
			continue
		}
		switch name {
		case "HeapObjects":
			g.objects, _ = strconv.ParseUint(value, 10, 64) // 0 shows
		case "HeapAlloc":
			g.live, _ = strconv.ParseUint(value, 10, 64) // likewise
		case "NumGC":
			g.cycles, _ = strconv.ParseUint(value, 10, 64) // likewise
		case "PauseNs":
			for _, text := range strings.Fields(strings.Trim(value, "[]")) {
				ns, _ := strconv.ParseInt(text, 10, 64) // likewise
				ring = append(ring, time.Duration(ns))
			}
		}
	}
	if g.objects == 0 {
		return g, errors.Join(lines.Err(), errors.New("the heap profile tells no HeapObjects"))
	}
	for n := range min(g.cycles, uint64(len(ring))) {
		g.pauses = append(g.pauses, ring[(g.cycles-1-n)%uint64(len(ring))])
	}
	return g, lines.Err()
}

// garbageAtRest has the collector's garbage collected some times, and reports
// these times only.
func garbageAtRest(ctx context.Context, c *collector) (garbage, error) {
	const times = 30
	g, err := garbageOf(ctx, c)
	before := g.cycles
	for range times {
		if err == nil {
			g, err = garbageOf(ctx, c)
		}
	}
	g.pauses = g.pauses[:min(uint64(len(g.pauses)), g.cycles-before)]
	return g, err
}

func (g *garbage) String() string {
	if g.objects == 0 {
		return "Heap objects: not measured, the configuration has no pprof extension"
	}
	if len(g.pauses) == 0 {
		return fmt.Sprintf("Heap objects: %d; no garbage collection yet", g.objects)
	}
	return fmt.Sprintf("Heap objects: %d in %d MiB; garbage collections: %d, pauses of the latest %d: median %v, p99 %v, longest %v",
		g.objects, g.live>>20, g.cycles, len(g.pauses), rounded(quantile(g.pauses, .5)), rounded(quantile(g.pauses, .99)), rounded(quantile(g.pauses, 1)))
}
