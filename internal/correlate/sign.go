// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

// class says what a sign tells about its service. The order is that of how
// directly it names a cause.
type class uint8

const (
	classKernel   class = iota // the kernel says so: out of memory, exit, refusal
	classResource              // CPU, memory or disk of the service's own
	classPath                  // it runs other code than before
	classError                 // it fails more often than before
	classEdge                  // the way between two services takes longer
	classSelf                  // its own time takes longer
	classSilent                // it reports nothing any more
	classSymptom               // its callers see it slow or failing
	classLoad                  // it is called more or less than before
	classes
)

// signKey tells signs apart.
type signKey struct {
	service string
	class   class
	what    string // operation, template, metric or event
	peer    string // the other end of an edge
}

// sign is one thing about one service that is not as before.
type sign struct {
	key      signKey
	onset    model.Nanos
	last     model.Nanos
	until    model.Nanos // when it showed last, 0 for as long as it is known
	strength float64     // twice the log of the likelihood ratio, or as sure as that
	// size is how large the change is, 0 to 1: a duration that is ten times as
	// long counts in full, and so does a step that is never taken any more, for
	// many observations make the slightest change sure.
	size     float64
	before   float64
	after    float64
	count    int
	unit     string
	text     string // one sentence with figures
	pod      string
	node     string
	label    string // that selects the records of the service, "" if its name does
	evidence []model.EvidenceRef
	// event is the kernel event's name, subject the process or peer it names.
	event    string
	subject  model.Entity
	kernel   *kernelLine // what the kernel told
	part     *slice      // of the service that it is confined to, nil for all of it
	pool     bool        // requests wait for a connection of the pool of the service
	lag      bool        // it is how long messages wait
	verbatim bool        // its text says it, and nothing else does
	surge    [2]float64  // requests a second before and after, of what is overloaded
	endsAt   string      // the callee that runs end at
	// dependency: it tells of calls of what sends no spans itself.
	dependency bool
	// supports: it opens no incident, however strong.
	supports bool
	novel    bool    // and never before of the service
	brief    string  // text without figures that change, "" for the same
	quote    string  // what the service itself wrote
	lasts    bool    // as long as anything is known
	share    float64 // of the runs that are slow, 0 for all
	passed   float64 // of the runs that are wrong: a call of them failed
	whole    bool    // the time includes that of calls
	newFault bool    // it set in during or after an incident that does not explain it
	hours    int     // that it has been creeping
	from     string  // whose calls fail, of a dependency
	callee   string  // whose name cannot be resolved
	did      string  // the step that is missing, as "calls pay Charge"
	peers    []string
	onNode   string          // from which alone names are not resolved
	lookups  bool            // peers report that names are not resolved
	on       string          // what runs out
	usedUp   model.Nanos     // when, at the earliest
	reported bool            // by the engine of another node
	sort     model.GroupType // of what was reported
	// keepOut keeps what it tells of out of the past, nil where there is none.
	keepOut func()
}

const (
	// alarmStrength opens an incident: a chance of one in 10^8 under the
	// chi-squared distribution of one degree of freedom, so that ten thousand
	// quantities judged each five seconds raise a false alarm about once a day
	// at worst; in practice one needs magnitude as well.
	alarmStrength = 33
	// hintStrength supports an incident that is open: one in a thousand.
	hintStrength = 10.8
	// noAlarm is the most of what may support an incident but not open one.
	noAlarm = alarmStrength - 1
	// maxStrength is as sure as one can be: beyond it the assumptions of the
	// test are less certain than its result.
	maxStrength = 100
)

// weight is what the sign counts for in the search of the cause.
func (s *sign) weight() float64 {
	weight := weightOf(s.key.class) * s.strength
	switch s.key.class {
	case classEdge, classSelf, classPath:
		weight *= s.size
	default: // how far it went does not matter; the strength counts
	}
	return weight * s.owned()
}

// effect reports whether a failing callee may be the cause, although the kernel reports
// the anomaly: a service that gives up on a request resets the connection of its caller.
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

// telling reports whether the sign may open an incident, and not only support it.
func (s *sign) telling() bool { return s.key.class < classSymptom }

func (s *sign) alarms(at float64) bool { return s.strength >= at && s.telling() && !s.supports }

func compareSigns(a, b *sign) int {
	return cmp.Or(
		cmp.Compare(a.onset, b.onset),
		cmp.Compare(a.key.service, b.key.service),
		cmp.Compare(a.key.class, b.key.class),
		cmp.Compare(a.key.what, b.key.what),
		cmp.Compare(a.key.peer, b.key.peer),
	)
}
