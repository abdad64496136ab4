// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

// GraphQuery asks for the calls between services.
type GraphQuery struct {
	Filter Filter // of spans; a call counts if its client's or its server's span is selected
	Limit  int    // edges, those with the most requests; above 0
}

// NodeType is what a node of the service graph stands for.
type NodeType uint8

// The types of nodes.
const (
	NodeService   NodeType = iota // sends telemetry
	NodeDatabase                  // db.system.name or db.system of a client span
	NodeMessaging                 // messaging.system, and the destination
	NodeExternal                  // any other peer without telemetry
)

// GraphNode is a service, or a peer without telemetry.
type GraphNode struct {
	ID   string // unique in the graph: the type's name, a colon and the name
	Type NodeType
	Name string // of the service, or of the peer: its name, else its address
	// System is the database or messaging system, such as postgresql or kafka.
	System string
	RED    RED // of a service its own requests, else those of all edges that lead here
}

// GraphEdge is the calls from one node to another.
type GraphEdge struct {
	Client, Server string // IDs of nodes
	// RED is that of the client's spans where there are any, else of the server's.
	RED RED
	// Kernel is set if only the kernel has seen the calls: no span of the
	// applications reports them.
	Kernel bool
}

// ServiceGraph is the calls between services.
type ServiceGraph struct {
	Nodes []GraphNode // by ID
	Edges []GraphEdge // by client and server
	Spans uint64      // that were looked at
	// Truncated is set if edges above the limit, or spans above what one query may
	// hold, are left out: of these the oldest.
	Truncated bool
}

// ServiceName is the service of a span. Set is false if the span has no service.name, which
// is not the same as an empty one.
type ServiceName struct {
	Name string
	Set  bool
}

// CallCount is how many spans of a service have a parent of another or the same service.
type CallCount struct {
	Parent, Child ServiceName
	Count         uint64
}

// CallCounts is the calls between services of all traces.
type CallCounts struct {
	Calls []CallCount // by parent and child
	Spans uint64      // that were looked at
	// Truncated is set if there are more spans than one query may hold: the oldest are
	// left out.
	Truncated bool
}

// ChangeType is a kind of change.
type ChangeType uint8

// The kinds of change.
const (
	ChangeUnspecified   ChangeType = iota
	ChangeDeployment               // another version of a service
	ChangeRestart                  // an instance took the place of another of the same version
	ChangeConfiguration            // a configuration was changed
	ChangeScale                    // instances of a service were added or removed
	ChangeOther                    // any other change that an event reports
)

// ChangeQuery selects changes.
type ChangeQuery struct {
	Filter Filter // Time, Services, Namespaces and Selectors count; of log records all
	Types  []ChangeType
	Paging Paging // the newest first, unless ascending
}

// Change is something that was changed, as an event reports or as the resources of
// records show.
type Change struct {
	Type      ChangeType
	Time      Nanos
	Service   string
	Namespace string
	Instance  string // "" if it is not about one
	From, To  string // versions, instances, or counts of them; "" if unknown
	Summary   string // one sentence
	EventID   string // of the event that reports it; "" if it was concluded from resources
	EventName string
}
