// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

// class is the kind of an anomaly. The order is by how directly a class points at the cause.
type class uint8

const (
	classKernel   class = iota // kernel events: out of memory, exit, refused connection
	classResource              // a CPU, memory or disk metric of the service itself
	classPath                  // it runs other code than before: steps are missing
	classError                 // it fails more often
	classEdge                  // calls take longer on the network between two services
	classSelf                  // it takes longer in its own code
	classSilent                // it stopped reporting
	classSymptom               // its callers see it slow or failing
	classLoad                  // it is called more or less often
	classes
)

// signKey identifies an anomaly.
type signKey struct {
	service string
	class   class
	what    string // operation, log template, metric or kernel event
	peer    string // the other service, for anomalies of calls
}

// sign is an anomaly: a deviation of one measure of one service from its baseline.
type sign struct {
	key      signKey
	onset    model.Nanos
	last     model.Nanos
	until    model.Nanos // end of its last occurrence, 0 if it is not known to have ended
	strength float64     // twice the log-likelihood ratio, or an equivalent
	// size is the magnitude of the change, 0 to 1: a duration that is ten times as long has size 1, and
	// so has a step that never occurs any more. With many observations even the slightest change has a
	// high strength, so the ranking needs both.
	size     float64
	before   float64
	after    float64
	count    int
	unit     string
	text     string // a sentence with figures
	pod      string
	node     string
	label    string // selector for the service's records, "" if its name selects them
	evidence []model.EvidenceRef
	// event is the name of the kernel event, subject the process or peer that it names.
	event    string
	subject  model.Entity
	kernel   *kernelLine // for kernel events
	part     *slice      // the part of the service's instances that deviates, nil for all
	pool     bool        // requests wait for a connection of the service's own pool
	lag      bool        // the duration is the time that messages wait in a queue
	verbatim bool        // text is the only description; there are no typed figures
	surge    [2]float64  // requests per second before and after, if the load explains it
	endsAt   string      // the callee whose call is the last step of runs
	// dependency: it is about calls of a service that sends no spans.
	dependency bool
	// supports: it never opens an incident, however strong it is.
	supports bool
	novel    bool    // it never occurred before at this service
	brief    string  // text without figures that change, "" if it is the same
	quote    string  // an error text, as the service wrote it
	lasts    bool    // it has been so for as long as the operation is known
	share    float64 // share of the runs that are slow, 0 for all
	passed   float64 // share of the deviating runs in which a call had failed
	whole    bool    // the duration includes that of calls
	newFault bool    // it began during or after an incident that does not explain it
	retried  bool    // it set in during an incident, and failing calls that are repeated explain it
	hours    int     // of a slow drift: since how many hours
	from     string  // of a dependency: the service whose calls fail
	callee   string  // the host whose name cannot be resolved
	did      string  // the missing step, as "calls pay Charge"
	peers    []string
	onNode   string          // the only node on which names are not resolved
	lookups  bool            // callers report that names are not resolved
	on       string          // the resource that runs out
	usedUp   model.Nanos     // earliest time at which it is used up
	reported bool            // reported by the engine of another node
	sort     model.GroupType // type of the group that the other engine reported
	// keepOut excludes the deviating values from the baselines; nil if there are none.
	keepOut func()
}

// weight is what the anomaly contributes to the score of a candidate.
func (s *sign) weight() float64 {
	weight := weightOf(s.key.class) * s.strength
	switch s.key.class {
	case classEdge, classSelf, classPath:
		weight *= s.size
	default: // for other classes the magnitude does not matter
	}
	return weight * s.owned()
}

// effect reports whether a failing callee may be the cause although the kernel reports the anomaly: a
// service that stops waiting for a request resets the connection of its caller.
func (s *sign) effect() bool { return s.reports(kernelrule.Reset) }

// reports reports whether the anomaly is of this kind of kernel events.
func (s *sign) reports(kind kernelrule.Kind) bool {
	return s.kernel != nil && s.kernel.rule.Kind == kind
}

// unexplained is the weight that failing callees do not explain.
func (s *sign) unexplained(callees float64) float64 {
	if s.effect() {
		return left(s.weight(), callees)
	}
	return s.weight()
}

// opening reports whether the anomaly's class may open an incident, not only support one.
func (s *sign) opening() bool { return s.key.class < classSymptom }

func (s *sign) alarms(at float64) bool { return s.strength >= at && s.opening() && !s.supports }

func compareSigns(a, b *sign) int {
	return cmp.Or(
		cmp.Compare(a.onset, b.onset),
		cmp.Compare(a.key.service, b.key.service),
		cmp.Compare(a.key.class, b.key.class),
		cmp.Compare(a.key.what, b.key.what),
		cmp.Compare(a.key.peer, b.key.peer),
	)
}
