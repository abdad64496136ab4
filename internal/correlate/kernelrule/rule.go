// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernelrule

import "github.com/tapio/tapio/internal/model"

// Kind is a sort of fault that the kernel reports.
type Kind string

// The kinds of faults.
const (
	OutOfMemory    Kind = "out of memory"
	Exit           Kind = "exit"
	Signal         Kind = "signal"
	ConnectFailure Kind = "connect failure"
	Reset          Kind = "reset"
	Retransmit     Kind = "retransmit"
	LookupFailure  Kind = "lookup failure"
	Throttling     Kind = "throttling"
	DiskError      Kind = "disk error"
	DiskWait       Kind = "disk wait" // a slow system call that waits for a disk
	SlowSyscall    Kind = "slow system call"
	DeniedFile     Kind = "denied file"
	NewProgram     Kind = "new program"
)

// Opens is when an event opens an incident where no request shows whether anyone is affected.
type Opens uint8

// The conditions.
const (
	// OpensUncounted: others depend on the service, and the outcome of its requests is not known.
	OpensUncounted Opens = iota
	// OpensAlways: whoever it concerns.
	OpensAlways
	// OpensServing: the service takes part in calls, or whoever runs it names it.
	OpensServing
	// OpensCalled: services depend on it, whatever is known of its requests.
	OpensCalled
	// OpensNamed: it is a service, and the outcome of its requests is not known.
	OpensNamed
	// OpensDenied: others depend on the service, and access is denied rather than refused as usual.
	OpensDenied
)

// Advice is what the report recommends.
type Advice uint8

// The recommendations.
const (
	AdviceMemory Advice = iota + 1
	AdviceCrash
	AdviceConnect
	AdviceAccess
	AdviceFiles
	AdviceNetwork
	AdviceNames
	AdviceQuota
	AdviceDisk
)

// Stage orders what follows from each other: memory runs out, a process ends, its address
// refuses connections. 0 is part of no such chain; a resource that runs short is stage 1.
type Stage uint8

// The stages after a shortage of a resource.
const (
	StageKilled  Stage = 2
	StageEnded   Stage = 3
	StageRefused Stage = 4
)

// Rule is how events of one name, or a counter, are taken.
type Rule struct {
	Event   string // name of the event or the metric
	Counter bool   // it is a metric
	Kind    Kind
	// Alone: one event is a fault in itself; the others count when there are more of them than before.
	Alone bool
	// Connects: it concerns a connection, and the fault may be at the other end.
	Connects bool
	// Faulty reports whether an event shows a fault; nil: each does.
	Faulty func(attributes model.Attributes) bool
	Opens  Opens
	Group  model.GroupType
	Stage  Stage
	Text   string // said of the service
	Advice Advice
}

// Table holds the rules by the names of events and metrics. It is read-only.
type Table map[string]Rule

// NewTable returns the table of all rules.
func NewTable() Table {
	rules := Rules()
	t := make(Table, len(rules))
	for _, r := range rules {
		t[r.Event] = r
	}
	return t
}
