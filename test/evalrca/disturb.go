// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// disturbance is how what is sent differs from what was recorded. The zero value
// changes nothing.
type disturbance struct {
	shuffle    time.Duration // records arrive up to so much later
	loss       float64       // share of records that never arrive
	duplicates float64       // share of records that arrive twice
	sampling   float64       // share of traces that is kept, 0: all
	asked      time.Duration // the cause is asked for so much later than it began
	rename     bool          // services have other names

	rand    *rand.Rand
	names   map[string]string
	renamer *strings.Replacer
}

// copies are the delays with which a record arrives: none, one or two.
func (d *disturbance) copies() []uint64 {
	if d.rand == nil {
		return []uint64{0}
	}
	n := 1
	switch {
	case d.rand.Float64() < d.loss:
		return nil
	case d.rand.Float64() < d.duplicates:
		n = 2
	}
	delays := make([]uint64, n)
	for i := range delays {
		if d.shuffle > 0 {
			delays[i] = d.rand.Uint64N(uint64(d.shuffle))
		}
	}
	return delays
}

// keeps reports whether head sampling keeps a trace, by the consistent sampling of
// OpenTelemetry: ids that are not random are hashed first.
func (d *disturbance) keeps(id pcommon.TraceID) bool {
	if d.sampling == 0 {
		return true
	}
	h := fnv.New64a()
	_, _ = h.Write(id[:])
	return h.Sum64()>>8 >= d.threshold()
}

func (d *disturbance) threshold() uint64 { return uint64((1 - d.sampling) * (1 << 56)) }

// mark says in a span with which probability it was kept.
func (d *disturbance) mark(span ptrace.Span) {
	if d.sampling == 0 {
		return
	}
	span.TraceState().FromRaw("ot=th:" + strings.TrimRight(fmt.Sprintf("%014x", d.threshold()), "0"))
}

// learn takes note of the names of the services in a line, for they are renamed in
// whatever names them.
func (d *disturbance) learn(line []byte) {
	if !d.rename {
		return
	}
	var of struct {
		ResourceSpans, ResourceLogs, ResourceMetrics []struct {
			Resource struct {
				Attributes []struct {
					Key   string
					Value struct{ StringValue string }
				}
			}
		}
	}
	if json.Unmarshal(line, &of) != nil {
		return // what follows says what is wrong with it
	}
	for _, resource := range slices.Concat(of.ResourceSpans, of.ResourceLogs, of.ResourceMetrics) {
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.name" && d.names[a.Value.StringValue] == "" {
				d.add(a.Value.StringValue)
			}
		}
	}
}

func (d *disturbance) add(service string) {
	if d.names == nil {
		d.names = map[string]string{}
	}
	d.names[service] = fmt.Sprintf("unit%dx", 11+7*len(d.names))
}

// learned ends the learning: from now on lines are renamed.
func (d *disturbance) learned() {
	var pairs []string
	for _, name := range slices.SortedFunc(maps.Keys(d.names), func(a, b string) int { // the longest first
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
	}) {
		pairs = append(pairs, name, d.names[name])
	}
	d.renamer = strings.NewReplacer(pairs...)
}

// renamed is a line with other names.
func (d *disturbance) renamed(line []byte) []byte {
	if d.renamer == nil {
		return line
	}
	return []byte(d.renamer.Replace(string(line)))
}

// name is how a service is called now.
func (d *disturbance) name(service string) string { return cmp.Or(d.names[service], service) }
