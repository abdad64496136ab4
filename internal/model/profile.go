// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"path"
	"time"
)

// ProfileID identifies a profile; all zero means none.
type ProfileID [16]byte

// Kinds of frames that the product itself knows, as values of profile.frame.type.
const (
	// FrameTruncated stands where the rest of a stack is missing.
	FrameTruncated = "truncated"
	// FrameAborted is what OpenTelemetry's eBPF profiler writes where it could not
	// unwind further.
	FrameAborted = "abort-marker"
)

// Frame is one entry of a stack. Frames compare by value.
type Frame struct {
	// Function is the name of the function; "" if the frame is not symbolized.
	Function string
	File     string
	Line     int64
	// Mapping is the binary or library that the frame is in, BuildID its build ID.
	Mapping, BuildID string
	// Address is the offset in the mapping of a frame without a function name.
	Address uint64
	// Kind is the value of profile.frame.type: "native", "kernel", "go", "cpython", ...
	Kind string
}

// Names of frames that are no functions.
const (
	// TruncatedName stands for the part of a stack that is missing.
	TruncatedName    = "[truncated]"
	unknownFrameName = "[unknown]"
	unsymbolizedName = " [unsymbolized]"
)

// Name is what the frame is shown as. Frames without a symbol are shown together, by
// their binary.
func (f *Frame) Name() string {
	switch {
	case f.IsTruncated():
		return TruncatedName
	case f.Function != "":
		return f.Function
	case f.Mapping != "":
		return path.Base(f.Mapping) + unsymbolizedName
	default:
		return unknownFrameName
	}
}

// IsTruncated reports whether the frame stands where the rest of a stack is missing.
func (f *Frame) IsTruncated() bool { return f.Kind == FrameTruncated || f.Kind == FrameAborted }

// ProfileDictionary holds what the samples of one or several profiles refer to by index.
type ProfileDictionary struct {
	Frames []Frame
	// Stacks are indexes of frames, the leaf first.
	Stacks [][]uint32
	// Sets are attributes of samples.
	Sets []Attributes
}

// NoSet is the index of a sample without attributes.
const NoSet = ^uint32(0)

// ProfileSample is what was observed with one stack. Times are none or as many as Values.
type ProfileSample struct {
	Stack   uint32 // index in Stacks
	Set     uint32 // index in Sets, or NoSet
	TraceID TraceID
	SpanID  SpanID
	Values  []int64
	Times   []Nanos
}

// ProfileType is what a profile measures.
type ProfileType struct {
	// Name is for example "cpu", "samples" or "inuse_space"; Unit for example
	// "nanoseconds", "count" or "bytes".
	Name, Unit string
	// PeriodName and PeriodUnit are what was counted to take a sample, every Period of it.
	PeriodName, PeriodUnit string
	Period                 int64
}

// Profile is one profile of one sample type. Resource, Scope and Dictionary are never nil.
type Profile struct {
	ID         ProfileID
	Resource   *Resource
	Scope      *Scope
	Attributes Attributes
	Type       ProfileType
	Time       Nanos
	Duration   time.Duration
	Dictionary *ProfileDictionary
	Samples    []ProfileSample
}

// ProfileQuery selects profiles, and the samples in them.
type ProfileQuery struct {
	// Filter selects by labels: the attributes of samples, profiles, scopes and
	// resources. Its time range is that of samples or, of samples without a time, that
	// of the beginning of their profile.
	Filter Filter
	// Types are names of sample types; none: all.
	Types []string
	IDs   []ProfileID // none: all
	// TraceID and SpanID, unless zero, select the samples of one trace or span.
	TraceID TraceID
	SpanID  SpanID
	// TraceIDs, unless empty, select the samples of these traces.
	TraceIDs []TraceID
	Paging   Paging // of ListProfiles
}

// ProfileGroupQuery selects samples that are added up by label or by trace.
type ProfileGroupQuery struct {
	ProfileQuery
	// By is the label; without a name the samples of each trace are added up, and those
	// without a trace do not count.
	By LabelKey
	// Function, unless empty, is the name of a frame that must be on the stack.
	Function string
}

// ProfileGroup is the sum of the samples with one value of a label, or of one trace.
type ProfileGroup struct {
	Value   string // of the label
	NoValue bool   // the samples do not have the label
	TraceID TraceID
	Total   int64
	Samples uint64 // observations
	// TopFunction is the name of the function with the highest cost of its own, TopSelf.
	TopFunction string
	TopSelf     int64
}

// ProfileGroups are the sums of a selection, the highest first.
type ProfileGroups struct {
	Groups []ProfileGroup
	Total  int64 // of all
}

// ProfileInfo describes one stored profile.
type ProfileInfo struct {
	ID         ProfileID
	Seq        uint64
	Resource   *Resource
	Scope      *Scope
	Attributes Attributes
	Type       ProfileType
	Time       Nanos
	Duration   time.Duration
	Samples    uint64 // observations
	Total      int64  // of their values
}

// Size estimates the bytes of the description in an answer.
func (p *ProfileInfo) Size() int { return 160 + p.Resource.Attributes.Size() + p.Attributes.Size() }

// CallNode is a node of a call tree.
type CallNode struct {
	Parent uint32 // index of the node that called it; the root is its own parent
	Frame  uint32 // index in Frames; of no meaning for the root
	// Self is the sum of the samples that end here, Total that with all below.
	Self, Total int64
}

// CallTree is the sum of all samples of a selection.
type CallTree struct {
	Type   ProfileType
	Frames []Frame
	// Nodes[0] is the root. A node comes after its parent.
	Nodes []CallNode
	// Profiles counts the merged profiles, Samples the observations in them. Duration is
	// the sum of the profiles' durations.
	Profiles, Samples uint64
	Duration          time.Duration
	First, Last       Nanos // times of samples, or the beginnings of profiles
}

// Total is the sum of all samples.
func (t *CallTree) Total() int64 {
	if len(t.Nodes) == 0 {
		return 0
	}
	return t.Nodes[0].Total
}

// IsInstant reports whether profiles of the type are states at a moment, such as live
// memory, of which a later one replaces an earlier one, and which must not be added up
// over time.
func (t *ProfileType) IsInstant() bool {
	switch t.Name {
	case "inuse_space", "inuse_objects", "goroutine", "goroutines", "threadcreate":
		return true
	default:
		return false
	}
}

// ProfileRejections counts samples and profiles of a batch that were left out, by reason.
type ProfileRejections map[string]uint64

// Reasons for leaving out samples of profiles.
const (
	// ProfileDangling: a reference leads outside of its dictionary.
	ProfileDangling = "invalid_reference"
	// ProfileTooLarge: the stacks of a request, or the attributes of a sample or
	// profile, are larger than what is kept.
	ProfileTooLarge = "too_large"
	// ProfileMalformed: the values do not fit the timestamps.
	ProfileMalformed = "malformed"
)

// Add counts n more.
func (r ProfileRejections) Add(reason string, n int) { r[reason] += uint64(n) }

// Total is the sum over all reasons.
func (r ProfileRejections) Total() (sum uint64) {
	for _, n := range r {
		sum += n
	}
	return sum
}

// MatchProfile reports whether the sample type with these labels is selected, whatever
// its time. Conditions on log records do not apply.
func (f *Filter) MatchProfile(typeName string, labels Labels) bool {
	return f.Invert != (f.holdsForLabels(labels) &&
		(f.Text == "" || f.textIn(typeName) || f.textInAttributes(labels.Record)))
}
