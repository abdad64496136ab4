// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

// GroupType is what sort of incident a group is.
type GroupType uint8

// The sorts of incidents.
const (
	GroupUnspecified GroupType = iota
	GroupDeployment
	GroupFailureCascade
	GroupResourceExhaustion
	GroupNetwork
	GroupDependency
	GroupSecurity
)

// GroupState is where in its life a group is.
type GroupState uint8

// The states of a group.
const (
	GroupStateUnspecified GroupState = iota
	GroupOpen                        // newly found
	GroupGrowing                     // members still join
	GroupClosed                      // ended without evidence of recovery
	GroupMerged                      // taken up by MergedInto
	GroupRecovering                  // fewer requests are affected, recovery is not certain yet
	GroupResolved                    // requests are as before; figures are final
	GroupUnknown                     // no requests come that would show whether it goes on
	GroupReopened                    // resolved, and affected again by the same cause soon after
)

// Ended reports whether nothing more is expected of a group in the state.
func (s GroupState) Ended() bool {
	return s == GroupClosed || s == GroupMerged || s == GroupResolved
}

// GroupKind is whether a group needs a person.
type GroupKind uint8

// The kinds of groups.
const (
	GroupKindUnspecified GroupKind = iota
	GroupIncident                  // users or callers are affected, or certainly will be
	GroupObservation               // unusual, but no one is affected
	GroupChange                    // a planned change that affects no one
)

// MaxGroupMembers is the most members that a group names; MemberCount counts
// all.
const MaxGroupMembers = 1000

// SemanticGroup is one incident: what is connected, under one stable id.
type SemanticGroup struct {
	FindingIdentity
	Type           GroupType
	Kind           GroupKind
	State          GroupState
	Title          string // one line that names cause and effect
	Range          TimeRange
	CorrelationIDs []string
	Members        []EvidenceRef // the earliest first, at most MaxGroupMembers
	MemberCount    uint64
	Services       []string // values of service.name touched
	RootCause      RootCause
	Impact         Impact
	Predictions    []Prediction
	Actions        []RecommendedAction // the most useful first
	MergedInto     string              // in state GroupMerged only
	SplitFrom      string              // the group that this one was a part of
	Confidence     float64             // that the members are one incident, 0 to 1
	// Similar are earlier incidents of the same cause and mechanism, the newest
	// first; SimilarCount counts all.
	Similar      []SimilarIncident
	SimilarCount uint32
}

// SimilarIncident is an earlier incident of the same cause and mechanism.
type SimilarIncident struct {
	GroupID string
	Range   TimeRange
	EndedBy string // what changed when it ended, "" for unknown
}

// EventName implements Finding.
func (*SemanticGroup) EventName() string { return SemanticGroupEvent }

// Identity implements Finding.
func (g *SemanticGroup) Identity() FindingIdentity { return g.FindingIdentity }

// RootCause ranks the candidates and shows the way of the fault.
type RootCause struct {
	Factors    []CausalFactor // the most probable first
	Chain      []CausalLink   // from the root cause to the last effect
	Evidence   []EvidenceRef  // for the analysis as a whole
	Confidence float64        // in the first factor, 0 to 1
	Summary    string         // one paragraph
}

// CausalFactor is one candidate for the root cause.
type CausalFactor struct {
	Rank        uint32 // from 1
	Entity      Entity
	Probability float64 // 0 to 1; those of one analysis sum to at most 1
	Reason      string  // one sentence
	Evidence    []EvidenceRef
	// Within is where in it to look, the narrowest first: places in the source
	// code, processes, pod, node; of one kind, what is most surely to blame first.
	Within []Entity
}

// CausalLink is one step of a causal chain.
type CausalLink struct {
	Cause      Entity
	Effect     Entity
	Onset      Nanos   // when the effect set in
	Mechanism  string  // how the fault travels, in one sentence
	Confidence float64 // 0 to 1
	Evidence   []EvidenceRef
}

// ImpactLevel is the severity of an impact.
type ImpactLevel uint8

// The levels of impact.
const (
	ImpactUnspecified ImpactLevel = iota
	ImpactLow                     // no user notices
	ImpactMedium                  // some requests are slow or fail
	ImpactHigh                    // a function is impaired for many
	ImpactCritical                // a function is down
)

// Impact is who is hit and how hard.
type Impact struct {
	Level                ImpactLevel
	Entities             []Entity // the hardest hit first
	AffectedRequestRatio float64  // requests hit, 0 to 1
	ErrorRatio           float64  // requests failed, 0 to 1
	CascadeRisk          float64  // probability of further spread, 0 to 1
	Summary              string

	SlowRatio          float64 // requests that succeeded but were slow, 0 to 1
	BaselineErrorRatio float64 // requests that failed before, 0 to 1
	Requests           float64 // to the affected entry operations
	FailedRequests     float64 // of these, beyond the baseline
	SlowRequests       float64 // of these, that succeeded but were slow
	PeakAffectedRatio  float64
	PeakTime           Nanos
	Operations         []OperationImpact // entry operations, the hardest hit first
	Unaffected         uint32            // entry operations that are not affected
	Attributes         []AttributeImpact // users or tenants
}

// OperationImpact is the impact on one entry operation.
type OperationImpact struct {
	Service, Operation             string
	Requests                       float64
	ErrorRatio, BaselineErrorRatio float64
	SlowRatio                      float64
	BaselineP95, P95               Nanos
}

// AttributeImpact counts the values of an attribute among affected requests.
type AttributeImpact struct {
	Key    string
	Count  uint64   // of distinct values
	Values []string // with the most affected requests
}

// Prediction is what a trend leads to if no one acts.
type Prediction struct {
	Description string
	Expected    TimeRange // at the earliest and the latest
	Probability float64
	Entity      Entity
	Evidence    []EvidenceRef
}

// ActionUrgency is how soon to act.
type ActionUrgency uint8

// The urgencies.
const (
	UrgencyUnspecified ActionUrgency = iota
	UrgencyLow                       // when convenient
	UrgencyMedium                    // today
	UrgencyHigh                      // now
)

// RecommendedAction is one thing to do.
type RecommendedAction struct {
	Title       string // in the imperative
	Description string
	Commands    []string // shell, ready to paste
	Urgency     ActionUrgency
	ReadOnly    bool // whether the commands only read
}
