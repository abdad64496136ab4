// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

const (
	serviceCost   = 1024 + meteringCost/4 // bytes of a service with its names
	callCost      = 2560                  // bytes of a call edge with its histories
	cgroupCost    = 1024                  // bytes of a cgroup with the names of its programs
	operationCost = 5632                  // bytes of an operation with its histories
	featureCost   = 1024                  // bytes of a feature with its history
	maxFeatures   = 64                    // most features of one operation
	exemplars     = 3                     // exemplars kept of each feature
)

// service is a node of the service graph.
type service struct {
	name      string
	pod, node string
	cgroup    string
	zone      string // availability zone
	namespace string // Kubernetes namespace
	// workload is the Kubernetes workload, of a kind such as "deployment".
	workload, workloadKind string
	bursts                 map[string]*bursts // of its resource metrics, by metric name
	spanned                model.Nanos        // time of the newest span
	spanless               float32            // share of the traces with its log lines for which no span arrived
	lowest                 float32            // rate of requests per bucket in quiet times
	label                  string             // selector for its records, "" if its name selects them
	declared               bool               // its name is a service.name that it sends itself
	reported               model.Nanos        // time of the newest span of its own instrumentation
	instrumented           bool               // it sends telemetry with an OpenTelemetry SDK
	outcomes               bool               // its spans show whether requests fail
	life                   life               // lifetimes of its processes
	first, last            model.Nanos        // times of its first and newest record, 0 if only metrics are known
	counted                model.Nanos        // time of the first point of a metric that counts its requests
	countedTo              int64              // the newest bucket for which all its metrics have arrived
	served, called         model.Nanos        // times of the newest histograms of its requests and of its calls
	otherNode, otherZone   model.Nanos        // when it was last seen on another node or in another zone than node and zone
	onNode                 bool               // node is a node of a cluster
	release                release
	// requests counts server spans, sum the failed ones. It is nil once the service is forgotten, so that
	// references to the service do not keep it in memory.
	requests *baseline.History
	metering *metering // nil for none
}

// heard records what a record shows about its own service.
func (s *service) heard(o *origin.Origin, t model.Nanos) {
	if s.first == 0 {
		s.first = t
	}
	s.last = max(s.last, t)
	s.life.goesOn(t)
	s.instrumented = s.instrumented || o.Instrumented
	s.release.runs(o.Version, t, s.settled(t))
}

// counts records that a metric counts the requests of a service without spans. Replicas of the first
// version that is known report within two points.
func (s *service) counts(version string, t model.Nanos) {
	if s.counted == 0 {
		s.counted = t
	}
	s.release.runs(version, t, t > s.counted+together)
}

type callKey struct {
	caller, callee string
	derived        bool // from log lines
}

// call is an edge of the graph, from a caller to a callee.
type call struct {
	gap      baseline.History // ln(duration of client span minus server span in ms + 1)
	tail     baseline.Tail
	habit    baseline.Habit
	paired   bool // the callee's own spans are known
	derived  bool
	evidence ring
}

// operationKey identifies an operation.
type operationKey struct {
	service string
	name    string
	kind    int32
}

// operation is a span name of a service.
type operation struct {
	key     operationKey
	service *service
	*past          // nil once it is forgotten: open traces must not keep it in memory
	label   string // service and name, as a step of its callers
	first   int64  // first bucket in which it was seen
	place   string // place in the source code, of a failure if one has it
	looked  bool   // place was looked for
}

// past holds the baselines of an operation's runs.
type past struct {
	runs      baseline.History // n: traces with a run
	stands    float32          // usual adjusted count of a run,
	weighed   uint8            // learned from this many runs
	active    baseline.History // runs with at least one step
	activeOf  askerSet
	askers    []asker          // by first appearance
	self      baseline.History // ln(self time in ms + 1)
	callFails baseline.History // runs with a failed call, whether or not they failed
	tail      baseline.Tail
	habit     baseline.Habit
	drift     baseline.Drift
	features  map[featureKey]*feature
	order     []*feature // by first appearance
	evidence  ring
}

// featureKind is the kind of a feature.
type featureKind uint8

const (
	featureLog     featureKind = iota // writes a log line with this template
	featureFailure                    // writes an error line with this template
	featureChild                      // calls another operation
	featureError                      // fails
	featureEnd                        // has no step after this one
)

type featureKey struct {
	kind featureKind
	name string
}

// feature is a property that some executions of an operation have, such as a log line or a call (a
// step).
type feature struct {
	kind     featureKind
	text     string
	place    string // place in the source code
	quote    string // the newest failure, as the service wrote it
	hits     baseline.History
	evidence ring
	askers   askerSet // callers for which it ever occurred
	before   *feature // the step before it, nil if it is the first
	end      *feature // the feature "this is the last step", nil if it never was
	goesOn   askerSet // callers for which another step ever followed
	wanders  bool     // the step before it varies
	callee   string   // the called service
	fails    bool     // by its name it handles a failure, such as a retry or fallback
	run      uint64   // id of the newest run that has it
}

// graph holds the services, their operations and their calls.
type graph struct {
	services *lru.Table[string, *service]
	calls    *lru.Table[callKey, *call]
	// dependencies are calls of services that send no spans, and failed calls of those that do.
	dependencies *lru.Table[dependencyKey, *dependency]
	instances    *lru.Table[uint64, *instance]
	systems      *lru.Table[string, model.KeyValue] // kind of peers (database, queue, host), by the names in spans
	produced     *lru.Table[model.SpanID, produced] // messages that are not consumed yet
	operations   *lru.Table[operationKey, *operation]
	cgroups      cgroups
	aliases      map[string]string          // folded name of a peer to service
	endpoints    *lru.Table[string, string] // address and port to the service that listens there
	features     int                        // number over all operations
	askers       int                        // number over all operations with several callers
	metered      int                        // number of services with a metering
	maxFeatures  int
	dropped      int         // features beyond the bounds
	sampled      model.Nanos // time of the newest span with an adjusted count above 1
}

func newGraph(bytes int) *graph {
	g := &graph{
		services:   lru.New[string, *service](bytes / 16 / serviceCost),
		calls:      lru.New[callKey, *call](bytes * 3 / 32 / callCost),
		operations: lru.New[operationKey, *operation](bytes * 5 / 8 / (operationCost + 6*featureCost)),
		aliases:    map[string]string{},
		endpoints:  lru.New[string, string](bytes / 32 / serviceCost),

		dependencies: lru.New[dependencyKey, *dependency](bytes / 8 / dependencyCost),
		cgroups:      cgroups{lru.New[string, []string](bytes / 32 / cgroupCost)},
		instances:    lru.New[uint64, *instance](bytes / 32 / instanceCost),
		systems:      lru.New[string, model.KeyValue](min(systemKeys, bytes/64/systemCost)),
		produced:     lru.New[model.SpanID, produced](min(producedMost, bytes/64/producedCost)),
	}
	g.instances.OnEvict = func(i *instance) { i.Shares = nil }
	g.maxFeatures = 6 * g.operations.Capacity
	g.operations.OnEvict = func(o *operation) {
		g.features -= len(o.features)
		if len(o.askers) > 1 {
			g.askers -= len(o.askers)
		}
		o.past = nil
	}
	g.services.OnEvict = func(s *service) {
		if s.requests = nil; s.metering != nil {
			g.metered--
			s.metering = nil
		}
	}
	return g
}

// service returns the service of an origin, and records where it runs.
func (g *graph) service(o *origin.Origin) *service {
	found := g.services.Get(o.Service)
	if found == nil {
		name := bound.Copy(o.Service)
		found = g.services.Put(name, &service{name: name, requests: &baseline.History{}})
		if len(g.aliases) > 2*g.services.Capacity {
			clear(g.aliases)
		}
		g.aliases[folded(name)] = name
	}
	s := *found
	s.declared = s.declared || o.Declared
	if o.Pod != "" && s.pod != o.Pod {
		s.pod = bound.Copy(o.Pod)
	}
	s.runsAt(o)
	if o.Namespace != "" && s.namespace != o.Namespace {
		s.namespace = bound.Copy(o.Namespace)
	}
	if o.Workload != "" && s.workload != o.Workload {
		s.workload, s.workloadKind = bound.Copy(o.Workload), o.WorkloadKind
	}
	if o.Label != "" && s.label != o.Label {
		s.label = bound.Copy(o.Label)
	}
	if o.Cgroup != "" && s.cgroup != o.Cgroup {
		s.cgroup = bound.Copy(o.Cgroup)
		g.cgroups.note(s)
	}
	return s
}

func (g *graph) operation(s *service, name string, kind int32) *operation {
	key := operationKey{service: s.name, name: bound.Name(name), kind: kind}
	if found := g.operations.Get(key); found != nil {
		return *found
	}
	key.name = bound.Copy(name)
	return *g.operations.Put(key, &operation{
		key: key, service: s, label: bound.Name(s.name + " " + key.name),
		past: &past{self: baseline.History{Worth: baseline.DurationsWorth}, features: map[featureKey]*feature{}},
	})
}

func (g *graph) call(caller, callee string) *call {
	return g.callBy(callKey{caller: caller, callee: callee})
}

func (g *graph) callBy(key callKey) *call {
	if found := g.calls.Get(key); found != nil {
		return *found
	}
	return *g.calls.Put(key, &call{gap: baseline.History{Worth: baseline.DurationsWorth}, derived: key.derived})
}

// feature returns the feature of that name, nil if there are too many. It keeps the text of the first
// call.
func (g *graph) feature(o *operation, kind featureKind, name, text string) *feature {
	key := featureKey{kind, name}
	if f := o.features[key]; f != nil {
		return f
	}
	if len(o.features) >= maxFeatures || g.features+g.askers >= g.maxFeatures {
		g.dropped++
		return nil
	}
	g.features++
	key.name = bound.Copy(name)
	f := &feature{kind: kind, text: key.name}
	if name != text {
		f.text = bound.Copy(text)
	}
	f.fails = kind == featureFailure || reportsFailure(f.text)
	o.features[key] = f
	o.order = append(o.order, f)
	return f
}
