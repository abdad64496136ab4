// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The signals by the names that the store gives them.
const (
	logs    = "logs"
	traces  = "traces"
	metrics = "metrics"
)

// settings are read from the environment: Binary from TAPIO_BIN, MemoryLimit from
// MEMORY_LIMIT, Logs from N, the others from their names in capitals, likewise.
type settings struct {
	Binary      string        // the collector; bin/tapio by default
	Duration    time.Duration // measured part of a run, after WARMUP; 5s
	Warmup      time.Duration // before it, so that the heap has grown; 1s
	Rounds      int           // runs of each variant, in turn with the others; 3
	Senders     int           // requests under way at once, a connection each; 4
	Rate        int           // of ingest and stream: records a second of all SIGNALS or VARIANTS together, for one long run of DURATION; 0: as fast as it goes; of tails: 20000
	Tails       int           // of tails: clients that follow; 1000
	Signals     []string      // of ingest; logs,traces,metrics
	Variants    []string      // of ingest and stream; empty: all
	MemoryLimit string        // store.memory_limit; 512MiB as shipped, for queries 1GiB
	Logs        int           // log records stored before queries; 200000
	Spans       int           // spans stored before queries; half of N
	Points      int           // metric points stored before queries; 1000000
	Repetitions int           // of each query; 200
	QueryLimit  time.Duration // a query is repeated for no longer than this; 20s
	Directory   string        // of the variants that keep the store in one; the system's folder for temporary files
	Jaeger      string        // the peer of jaeger; bin/jaeger
	Prometheus  string        // the peer of promql, which must take remote writes; prometheus of PATH
	Profiles    string        // folder for a CPU profile of each run; empty: none
}

// environment remembers the first value that does not parse.
type environment struct {
	lookup func(string) (string, bool)
	err    error
}

func settingsFrom(lookup func(string) (string, bool)) (settings, error) {
	e := environment{lookup: lookup}
	set := settings{
		Binary:      e.text("TAPIO_BIN", "bin/tapio"),
		Duration:    e.duration("DURATION", 5*time.Second),
		Warmup:      e.duration("WARMUP", time.Second),
		Rounds:      e.number("ROUNDS", 3),
		Senders:     e.number("SENDERS", 4),
		Rate:        e.numberFrom(0, "RATE", 0),
		Tails:       e.number("TAILS", 1000),
		Signals:     e.list("SIGNALS", "logs,traces,metrics"),
		Variants:    e.list("VARIANTS", ""),
		MemoryLimit: e.text("MEMORY_LIMIT", ""),
		Logs:        e.number("N", 200_000),
		Repetitions: e.number("REPETITIONS", 200),
		QueryLimit:  e.duration("QUERY_LIMIT", 20*time.Second),
		Directory:   e.text("DIRECTORY", ""),
		Jaeger:      e.text("JAEGER_BIN", "bin/jaeger"),
		Prometheus:  e.text("PROMETHEUS", "prometheus"),
		Profiles:    e.text("PROFILES", ""),
	}
	set.Spans, set.Points = e.number("SPANS", max(set.Logs/2, 1)), e.number("POINTS", 1_000_000)
	return set, e.err
}

func (e *environment) text(name, otherwise string) string {
	if value, found := e.lookup(name); found && value != "" {
		return value
	}
	return otherwise
}

func (e *environment) list(name, otherwise string) []string {
	return strings.FieldsFunc(e.text(name, otherwise), func(r rune) bool { return r == ',' || r == ' ' })
}

func (e *environment) duration(name string, otherwise time.Duration) time.Duration {
	value, err := time.ParseDuration(e.text(name, otherwise.String()))
	if err != nil || value <= 0 {
		e.refuse(name, "a time above 0, for example 5s")
	}
	return value
}

func (e *environment) number(name string, otherwise int) int {
	return e.numberFrom(1, name, otherwise)
}

func (e *environment) numberFrom(least int, name string, otherwise int) int {
	value, err := strconv.Atoi(e.text(name, strconv.Itoa(otherwise)))
	if err != nil || value < least {
		e.refuse(name, fmt.Sprintf("a whole number from %d on", least))
	}
	return value
}

func (e *environment) refuse(name, wanted string) {
	if e.err == nil {
		given, _ := e.lookup(name)
		e.err = fmt.Errorf("%s=%q: write %s", name, given, wanted)
	}
}
