// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

const (
	serviceCost   = 1024 + meteringCost/4 // bytes of a service with its names
	callCost      = 2560                  // bytes of an edge with its histories
	cgroupCost    = 1024                  // bytes of a cgroup with the names of its programs
	operationCost = 5632                  // bytes of an operation with its histories
	featureCost   = 1024                  // bytes of a feature with its history
	maxFeatures   = 64                    // of one operation
	exemplars     = 3                     // evidence kept of each feature
)

// service is a node of the graph that is learned from spans.
type service struct {
	name      string
	pod, node string
	cgroup    string
	zone      string // availability zone
	namespace string // of Kubernetes
	// workload is what Kubernetes runs it as, of a kind as in "deployment".
	workload, workloadKind string
	bursts                 map[string]*bursts // of its resources, by metric
	spanned                model.Nanos        // sent a span last
	spanless               float32            // share of the traces that it logs in of which no span came
	lowest                 float32            // rate of requests of a slot that is usual when it is quiet
	label                  string             // that selects its records, "" if its name does
	declared               bool               // it gives its name itself
	reported               model.Nanos        // a span of its own instrumentation last
	instrumented           bool               // an OpenTelemetry SDK reports for it
	outcomes               bool               // its spans report how requests end
	life                   life               // of its processes
	first, last            model.Nanos        // heard of, 0 for what only has metrics
	counted                model.Nanos        // a metric of its requests came first
	countedTo              int64              // the newest slot of which all metrics have come
	served, called         model.Nanos        // a distribution of its requests, or of its calls, came last
	otherNode, otherZone   model.Nanos        // when it was heard of from another one, last
	onNode                 bool               // the node is that of a cluster
	release                release
	// requests are the server spans, sum counts the failed ones; nil once it is
	// forgotten, for what still names it must not hold it.
	requests *history
	metering *metering // nil for none
}

// heard notes what a record of its own tells of a service.
func (s *service) heard(o *origin, t model.Nanos) {
	if s.first == 0 {
		s.first = t
	}
	s.last = max(s.last, t)
	s.life.goesOn(t)
	s.instrumented = s.instrumented || o.instrumented
	s.release.runs(o.version, t, s.settled(t))
}

// counts notes that a metric counts the requests of a service without spans. Replicas of
// the version that is known first report within two points.
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

// call is an edge: the way between client and server, and what came of it.
type call struct {
	gap      history // ln(client minus server span in ms + 1)
	tail     baseline.Tail
	habit    baseline.Habit
	paired   bool // the callee's own spans are known
	derived  bool
	evidence ring
}

// operationKey names what a service does.
type operationKey struct {
	service string
	name    string
	kind    int32
}

// operation is a span name of a service.
type operation struct {
	key     operationKey
	service *service
	*past          // nil once it is forgotten, for the traces that wait must not hold it
	label   string // service and name, as a step of its callers
	first   int64  // the slot in which it was seen first
	place   string // in the source code, of a failure if one told
	looked  bool   // for its place
}

// past is what its runs have shown.
type past struct {
	runs      history // n: traces that ran it
	stands    float32 // for how many runs one of them stands usually,
	weighed   uint8   // by so many of them
	active    history // runs that take any step
	activeOf  askerSet
	askers    []asker // by first appearance
	self      history // ln(self time in ms + 1)
	callFails history // runs of which a call failed, whether or not they failed
	tail      baseline.Tail
	habit     baseline.Habit
	drift     baseline.Drift
	features  map[featureKey]*feature
	order     []*feature // by first appearance
	evidence  ring
}

// featureKind says what an execution can show.
type featureKind uint8

const (
	featureLog     featureKind = iota // writes a log line of a template
	featureFailure                    // writes one of severity error
	featureChild                      // calls another operation
	featureError                      // fails
	featureEnd                        // takes no step after this one
)

type featureKey struct {
	kind featureKind
	name string
}

// feature is something that some executions of an operation show.
type feature struct {
	kind     featureKind
	text     string
	place    string // in the source code
	quote    string // the newest failure, in the words of the service
	hits     history
	evidence ring
	askers   askerSet // for whom it was ever shown
	before   *feature // the step that is taken before it, nil for the first
	end      *feature // that it is the last step, nil if it never was
	goesOn   askerSet // for whom another step ever followed
	wanders  bool     // not always the same one
	callee   string   // of a child
	fails    bool     // it is the handling of a failure, by its name
	run      uint64   // that took it last
}

// graph is what is known of services, their operations and their calls.
type graph struct {
	services *lru[string, *service]
	calls    *lru[callKey, *call]
	// dependencies are calls of what sends no spans, and failed calls of what does.
	dependencies *lru[dependencyKey, *dependency]
	instances    *lru[uint64, *instance]
	systems      *lru[string, model.KeyValue] // what peers are, by the names that spans give
	produced     *lru[model.SpanID, produced] // messages that were not consumed yet
	operations   *lru[operationKey, *operation]
	cgroups      cgroups
	aliases      map[string]string    // folded name of a peer to service
	endpoints    *lru[string, string] // address and port to the service that listens there
	features     int                  // of all operations
	askers       int                  // of all operations that have several
	metered      int                  // services with a metering
	maxFeatures  int
	dropped      int         // features beyond the bounds
	sampled      model.Nanos // a span that stands for others, last
}

func newGraph(bytes int) *graph {
	g := &graph{
		services:   newLRU[string, *service](bytes / 16 / serviceCost),
		calls:      newLRU[callKey, *call](bytes * 3 / 32 / callCost),
		operations: newLRU[operationKey, *operation](bytes * 5 / 8 / (operationCost + 6*featureCost)),
		aliases:    map[string]string{},
		endpoints:  newLRU[string, string](bytes / 32 / serviceCost),

		dependencies: newLRU[dependencyKey, *dependency](bytes / 8 / dependencyCost),
		cgroups:      cgroups{newLRU[string, []string](bytes / 32 / cgroupCost)},
		instances:    newLRU[uint64, *instance](bytes / 32 / instanceCost),
		systems:      newLRU[string, model.KeyValue](min(systemKeys, bytes/64/systemCost)),
		produced:     newLRU[model.SpanID, produced](min(producedMost, bytes/64/producedCost)),
	}
	g.instances.onEvict = func(i *instance) { i.Shares = nil }
	g.maxFeatures = 6 * g.operations.capacity
	g.operations.onEvict = func(o *operation) {
		g.features -= len(o.features)
		if len(o.askers) > 1 {
			g.askers -= len(o.askers)
		}
		o.past = nil
	}
	g.services.onEvict = func(s *service) {
		if s.requests = nil; s.metering != nil {
			g.metered--
			s.metering = nil
		}
	}
	return g
}

// service returns the service of an origin, and notes where it runs.
func (g *graph) service(o *origin) *service {
	found := g.services.get(o.service)
	if found == nil {
		name := kept(o.service)
		found = g.services.put(name, &service{name: name, requests: &history{}})
		if len(g.aliases) > 2*g.services.capacity {
			clear(g.aliases)
		}
		g.aliases[folded(name)] = name
	}
	s := *found
	s.declared = s.declared || o.declared
	if o.pod != "" && s.pod != o.pod {
		s.pod = kept(o.pod)
	}
	s.runsAt(o)
	if o.namespace != "" && s.namespace != o.namespace {
		s.namespace = kept(o.namespace)
	}
	if o.workload != "" && s.workload != o.workload {
		s.workload, s.workloadKind = kept(o.workload), o.workloadKind
	}
	if o.label != "" && s.label != o.label {
		s.label = kept(o.label)
	}
	if o.cgroup != "" && s.cgroup != o.cgroup {
		s.cgroup = kept(o.cgroup)
		g.cgroups.note(s)
	}
	return s
}

func (g *graph) operation(s *service, name string, kind int32) *operation {
	key := operationKey{service: s.name, name: short(name), kind: kind}
	if found := g.operations.get(key); found != nil {
		return *found
	}
	key.name = kept(name)
	return *g.operations.put(key, &operation{
		key: key, service: s, label: short(s.name + " " + key.name),
		past: &past{self: history{worth: slotWorth}, features: map[featureKey]*feature{}},
	})
}

func (g *graph) call(caller, callee string) *call {
	return g.callBy(callKey{caller: caller, callee: callee})
}

func (g *graph) callBy(key callKey) *call {
	if found := g.calls.get(key); found != nil {
		return *found
	}
	return *g.calls.put(key, &call{gap: history{worth: slotWorth}, derived: key.derived})
}

// feature returns the feature of that name, nil when there are too many. text is kept as of the first time.
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
	key.name = kept(name)
	f := &feature{kind: kind, text: key.name}
	if name != text {
		f.text = kept(text)
	}
	f.fails = kind == featureFailure || tellsOfFailure(f.text)
	o.features[key] = f
	o.order = append(o.order, f)
	return f
}
