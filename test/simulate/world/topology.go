// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

// Node is a machine that instances run on.
type Node struct {
	Name, Zone string
	cores      float64
	disk       float64 // share of the file system in use
}

// Service is a program with replicas.
type Service struct {
	Name      string
	namespace string
	language  string
	version   string
	release   int
	grpc      bool
	red       bool // reports metrics of its requests and no spans
	consumer  bool
	layer     int
	replicas  []*Instance
	ops       []*Operation
	backends  []*Backend
	limit     float64 // bytes of memory that a replica may use
	heap      float64 // share of it in use on average
	burst     bool    // does background work now and then
	pods      uint64  // counts its replicas, for their names
}

// Instance is one replica.
type Instance struct {
	Service *Service
	Pod     string
	Node    *Node
	version string
	id, ip  string
	pid     int64
	started int64
	gone    bool
	busy    float64 // seconds of work in this step
	load    float64 // share of its capacity in use, smoothed
	phase   int64   // of its exports
	stalled int64   // its exports wait until then
	gc      float64 // seconds of pauses so far
	skew    int64   // of its clock
	pauseAt int64   // next pause
	pauses  int64   // number of pauses so far
	red     map[redKey]*red
	order   []redKey
	born    int64 // of its counters
}

// Backend is what services call that is not a service of the system: a database, a
// cache, a queue, an external API. It sends no spans.
type Backend struct {
	Name          string // short name
	Host          string // as callers name it
	port          int64
	kind          backendKind
	flavour       string // postgresql, redis, kafka, ...
	median, sigma float64
	metrics       bool // reports metrics of its own
	node          *Node
	lag           float64 // messages that wait, of a queue
	busy, load    float64
	tables        []string
	service       string // service.name of its metrics
	consumer      *Operation
}

type backendKind int

const (
	database backendKind = iota
	cache
	queue
	external
)

// Operation is something that a service does when asked.
type Operation struct {
	Service  *Service
	Name     string // of its spans
	method   string
	route    string
	median   float64 // seconds of own work
	sigma    float64
	tail     float64 // share of requests with a heavy tail
	failures float64 // share that fails on a normal day
	calls    []*Call
	parallel bool
	weight   float64 // share of the entry load, 0 for what is not an entry
	internal bool    // a job, which has no caller
	template string
}

// Call is a call that an operation makes.
type Call struct {
	chance   float64
	op       *Operation // of a service
	backend  *Backend   // or a backend
	what     string     // statement, command or path
	text     string
	table    string
	timeout  float64
	retries  int
	optional bool    // its failure does not fail the operation
	slower   float64 // times the backend's median
}

// target is the name under which the callee is known.
func (c *Call) target() string {
	if c.op != nil {
		return c.op.Service.Name
	}
	return c.backend.Host
}
