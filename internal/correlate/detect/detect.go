// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package detect finds anomalies: what deviates from its baseline. Each detector is
// one type in one file. It reads a View and returns typed facts; it neither formats
// text nor decides whose fault it is.
package detect

import (
	"iter"

	"github.com/tapio/tapio/internal/correlate/baseline"
)

// Role is the role of the runs.
type Role uint8

// The roles.
const (
	RoleOperation  Role = iota // what a service does itself, less its calls
	RoleWay                    // between a client span and its server span
	RoleDependency             // calls of something that sends no spans of its own
	RoleLag                    // messages that wait to be consumed
)

// Runs are the runs of one kind, with what is usual of them. Any of the baselines may
// be nil.
type Runs struct {
	Role    Role
	Service string // that runs it or, of a call, the callee
	Peer    string // the caller, or the destination of messages
	Name    string // operation or statement
	// Tail holds how long they take, Failures how many fail.
	Tail     *baseline.Tail
	Failures *baseline.Shares
	Habit    *baseline.Habit
	Drift    *baseline.Drift
	// Reason is how the newest of them failed.
	Reason string
	// Handle is the owner's: detectors do not look into it.
	Handle any
}

// View is what detectors read, at the end of a bucket.
type View interface {
	// Runs yields what ran recently. The pointers in it must not be kept.
	Runs() iter.Seq[Runs]
}

// Kind is what deviates.
type Kind uint8

// The kinds.
const (
	KindSlower      Kind = iota // more runs take longer than nearly all did
	KindFails                   // more runs fail
	KindCreep                   // it has been taking longer by the hour
	KindNameFailure             // names cannot be resolved
)

// Anomaly is one deviation from a baseline.
type Anomaly struct {
	Kind Kind
	Of   Runs
	// Blamed is the service or peer that it is evidence on.
	Blamed string
	Since  int64 // the first bucket
	// Strength is twice the logarithm of the likelihood ratio against no change.
	Strength      float64
	Share, Usual  float64 // of the runs that are hit, and by the baseline
	Before, After float64 // of durations: ln(ms + 1)
	Count         int     // runs that are hit
	Novel         bool    // it never showed before
	// Expected: it recurs in equal periods.
	Expected bool
	Hours    int // of a creep
}

// Detector finds anomalies of one sort.
type Detector interface {
	Detect(v View) []Anomaly
}

// All lists the detectors.
func All() []Detector { return []Detector{Slowdown{}, Failures{}, Creep{}} }
