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
	"slices"
	"strconv"
	"strings"
	"time"
)

// garbage is what the collector's garbage collector has to do.
type garbage struct {
	objects uint64          // on the heap
	cycles  uint64          // since the start
	pauses  []time.Duration // of the latest cycles, 256 at most
}

// garbageOf asks the collector's pprof extension.
func garbageOf(ctx context.Context, c *collector) (garbage, error) {
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
	for lines.Scan() {
		name, value, found := strings.Cut(strings.TrimPrefix(lines.Text(), "# "), " = ")
		if !found {
			continue
		}
		switch name {
		case "HeapObjects":
			g.objects, _ = strconv.ParseUint(value, 10, 64) // 0 shows
		case "NumGC":
			g.cycles, _ = strconv.ParseUint(value, 10, 64) // likewise
		case "PauseNs":
			for _, text := range strings.Fields(strings.Trim(value, "[]")) {
				if ns, err := strconv.ParseInt(text, 10, 64); err == nil && ns > 0 {
					g.pauses = append(g.pauses, time.Duration(ns))
				}
			}
		}
	}
	if g.objects == 0 {
		return g, errors.Join(lines.Err(), errors.New("the heap profile tells no HeapObjects"))
	}
	slices.Sort(g.pauses)
	return g, lines.Err()
}

func (g *garbage) String() string {
	if len(g.pauses) == 0 {
		return fmt.Sprintf("Heap objects: %d; no garbage collection yet", g.objects)
	}
	return fmt.Sprintf("Heap objects: %d; garbage collections: %d, pauses of the latest %d: median %v, p99 %v, longest %v",
		g.objects, g.cycles, len(g.pauses), rounded(quantile(g.pauses, .5)), rounded(quantile(g.pauses, .99)), rounded(quantile(g.pauses, 1)))
}
