// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"slices"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

// FactKind is what a fact is about.
type FactKind uint8

// The kinds of facts.
const (
	FactOther      FactKind = iota // in Sentence alone
	FactFailing                    // an operation fails, or logs an error, in more of its runs
	FactErrorLog                   // an error is logged more often
	FactNetwork                    // time passes between client span and server span
	FactDependency                 // calls to a peer without spans of its own take longer
	FactSlow                       // an operation takes longer in its own code
	FactSkipped                    // a usual step is no longer taken
	FactEndsEarly                  // requests end where none ended before
	FactStopped                    // several callees stand still while their caller goes on
	FactMetric                     // a metric left its usual range
	FactResource                   // a resource is used up to half or more
	FactForecast                   // a resource will be used up
	FactSilent                     // a service reports nothing any more
	FactRestarts                   // a service restarts again and again
	FactRestart                    // it restarted once
	FactRelease                    // it runs a new version
	FactCallsFail                  // calls to a peer fail
	FactNames                      // names cannot be resolved
	FactCreep                      // it has been getting slower for hours
	FactKernel                     // the kernel reported it, see Kernel
	FactTraffic                    // a service receives a fraction of its requests
	FactLag                        // messages wait to be consumed
	FactOverload                   // a service uses more because more is asked of it
	FactPool                       // requests wait for a connection of the service's own pool
	FactLogVolume                  // an ordinary line is new, or comes more or less often
	FactProfile                    // profiles show a function that costs more, see Profile
	FactReported                   // the engine of another node reports it: What is its reason
)

// Fact is one thing about one service that is not as usual.
type Fact struct {
	Kind    FactKind
	Service string
	// Peer is the caller of a slow call, the operation of an error, the version of a
	// release.
	Peer string
	// What is the operation, metric, step or line that changed.
	What          string
	Quote         string // what the service itself wrote, "" for nothing
	Before, After float64
	Unit          string
	Count         int
	Onset         model.Nanos
	Until         model.Nanos // of a forecast: when it is used up
	New           bool        // it was never seen before
	Lasts         bool        // it has been so for as long as anything is known
	Peers         []string    // the callees of FactStopped
	Share         float64     // of the runs that are slow, 0 for all
	Hours         int         // of FactCreep
	Whole         bool        // FactSlow: the time includes that of calls
	Kernel        Kernel
	Profile       Profile
	Code          string // place in the source code
	Sentence      string // of FactOther, without a final period
	Pod, Node     string
	Evidence      []model.EvidenceRef
}

// Kernel is what the kernel reported.
type Kernel struct {
	Kind   kernelrule.Kind
	Advice kernelrule.Advice
	Count  bool   // a counter shows it, not events
	Does   string // said of the service
	Fault  string // error.type, exit code or system call
	Peer   string // the other service, the device, the name asked for
	Place  string // address or cgroup
	Slow   float64
	Limit  float64 // bytes, of memory
	Who    string  // the process
}

// Profile is what profiles of two times show.
type Profile struct {
	Waiting               bool // of the time in which threads wait, else of CPU time
	SeenBefore, SeenAfter int64
	Before, After         model.TimeRange
}

// Cause is the entity that is held for the cause.
type Cause struct {
	Name string // of the service, or of the place
	// Place is "node" or "zone" where the cause is what services have in common; Hit
	// of Inside services there are affected, Outside run elsewhere and are well.
	Place           string
	PlaceKey        string // the attribute that names it
	Hit             []string
	Inside, Outside int

	// Unresolved are the services of the node that cannot resolve names.
	Unresolved []string
	// Starved is how short of CPU the node is, in figures, "" if it is not; Hog uses most.
	Starved string
	Hog     string
	HogUses float64

	OnlyPod bool   // only this pod of several is affected
	Slice   string // the part of its instances that is affected, where that is no pod

	Namespace, Workload, WorkloadKind, Pod, Node string
	Version, Before                              string // the release, and the one before it
	Released                                     model.Nanos
	Selector                                     string // selects its records where the name does not
	Uninstrumented                               bool   // it sends no telemetry itself
	Logs, Traces                                 bool   // it sends them
	Code                                         string // place in the source code
	Trace                                        string // that shows it
	Process                                      string
}

// Step is when something set in at a service.
type Step struct {
	Service string
	Onset   model.Nanos
	Fact    Fact
}

// Candidate is another service that may be the cause.
type Candidate struct {
	Service     string
	Probability float64
	Fact        Fact
	Explained   bool // it calls the cause, and follows it
	Delay       model.Nanos
}

// Incident is all that is known of a group.
type Incident struct {
	ID         string
	Kind       model.GroupKind
	State      model.GroupState
	Type       model.GroupType
	Start, Now model.Nanos
	Over       model.Nanos // when it ended, 0 while it goes on
	Confidence float64
	Cause      Cause
	Facts      []Fact // of the cause, the one that names the mechanism first
	Services   []string
	Sequence   []Step
	Others     []Candidate
	Impact     *model.Impact
	Next       []string // services that call the affected ones
	Similar    []model.SimilarIncident
	SimilarN   uint32
	MergedInto string
	SplitFrom  string
	SplitInto  string
	EndedBy    string
	Further    bool // only next to be considered
	Reopened   bool
	Unobserved bool // closed because its engine stopped
}

// profile is what profiles show of the cause, nil for nothing.
func (i *Incident) profile() *Fact {
	for n := range i.Facts {
		if i.Facts[n].Kind == FactProfile {
			return &i.Facts[n]
		}
	}
	return nil
}

// main is the fact that names the mechanism.
func (i *Incident) main() *Fact { return &i.Facts[0] }

// released reports whether a release of the cause began shortly before.
func (i *Incident) released() bool { return i.Cause.Released != 0 }

// quote is what the cause itself wrote about it.
func (i *Incident) quote() string {
	at := slices.IndexFunc(i.Facts, func(f Fact) bool {
		return f.Quote != "" && (f.Kind == FactFailing || f.Kind == FactErrorLog || f.Kind == FactCallsFail || f.Kind == FactNames)
	})
	if at < 0 {
		return ""
	}
	return i.Facts[at].Quote
}
