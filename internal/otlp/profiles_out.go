// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/tapio/tapio/internal/model"
)

// ProfilesFrom writes profiles. Those of one dictionary share what they refer to.
func ProfilesFrom(list []model.Profile) pprofile.Profiles {
	out := pprofile.NewProfiles()
	w := newProfileWriter(out.Dictionary())
	for i := range list {
		p := &list[i]
		if p.Dictionary != w.from {
			w.dictionary(p.Dictionary)
		}
		ofResource := out.ResourceProfiles().AppendEmpty()
		putResource(ofResource.Resource(), p.Resource)
		ofResource.SetSchemaUrl(p.Resource.SchemaURL)
		ofScope := ofResource.ScopeProfiles().AppendEmpty()
		putScope(ofScope.Scope(), p.Scope)
		ofScope.SetSchemaUrl(p.Scope.SchemaURL)
		w.profile(ofScope.Profiles().AppendEmpty(), p)
	}
	return out
}

// MarshalProfiles encodes profiles as an ExportProfilesServiceRequest.
func MarshalProfiles(list []model.Profile) ([]byte, error) {
	return (&pprofile.ProtoMarshaler{}).MarshalProfiles(ProfilesFrom(list))
}

// profileWriter fills the dictionary of a request. Entry 0 of each table is the null
// entry.
type profileWriter struct {
	to       pprofile.ProfilesDictionary
	texts    map[string]int32
	mappings map[[2]string]int32

	from      *model.ProfileDictionary
	locations []int32 // by frame
	stacks    []int32
	sets      [][]int32
}

func newProfileWriter(to pprofile.ProfilesDictionary) *profileWriter {
	to.StringTable().Append("")
	to.MappingTable().AppendEmpty()
	to.LocationTable().AppendEmpty()
	to.FunctionTable().AppendEmpty()
	to.LinkTable().AppendEmpty()
	to.AttributeTable().AppendEmpty()
	to.StackTable().AppendEmpty()
	return &profileWriter{to: to, texts: map[string]int32{"": 0}, mappings: map[[2]string]int32{{"", ""}: 0}}
}

func (w *profileWriter) text(text string) int32 {
	if i, found := w.texts[text]; found {
		return i
	}
	i := int32(w.to.StringTable().Len())
	w.to.StringTable().Append(text)
	w.texts[text] = i
	return i
}

// dictionary writes what the next profiles refer to.
func (w *profileWriter) dictionary(from *model.ProfileDictionary) {
	w.from = from
	w.locations = make([]int32, len(from.Frames))
	for i := range from.Frames {
		w.locations[i] = w.location(&from.Frames[i])
	}
	w.stacks = make([]int32, len(from.Stacks))
	for i, stack := range from.Stacks {
		w.stacks[i] = int32(w.to.StackTable().Len())
		indices := w.to.StackTable().AppendEmpty().LocationIndices()
		indices.EnsureCapacity(len(stack))
		for _, frame := range stack {
			indices.Append(w.locations[frame])
		}
	}
	w.sets = make([][]int32, len(from.Sets))
	for i, set := range from.Sets {
		w.sets[i] = w.attributes(set)
	}
}

func (w *profileWriter) location(f *model.Frame) int32 {
	i := int32(w.to.LocationTable().Len())
	to := w.to.LocationTable().AppendEmpty()
	to.SetMappingIndex(w.mapping(f.Mapping, f.BuildID))
	to.SetAddress(f.Address)
	if f.Kind != "" {
		to.AttributeIndices().Append(w.attribute(model.KeyValue{Key: frameTypeKey, Value: model.StringValue(f.Kind)}))
	}
	if f.Function != "" {
		line := to.Lines().AppendEmpty()
		line.SetLine(f.Line)
		line.SetFunctionIndex(int32(w.to.FunctionTable().Len()))
		function := w.to.FunctionTable().AppendEmpty()
		function.SetNameStrindex(w.text(f.Function))
		function.SetSystemNameStrindex(w.text(f.Function))
		function.SetFilenameStrindex(w.text(f.File))
	}
	return i
}

func (w *profileWriter) mapping(name, buildID string) int32 {
	key := [2]string{name, buildID}
	if i, found := w.mappings[key]; found {
		return i
	}
	i := int32(w.to.MappingTable().Len())
	to := w.to.MappingTable().AppendEmpty()
	to.SetFilenameStrindex(w.text(name))
	if buildID != "" {
		to.AttributeIndices().Append(w.attribute(model.KeyValue{Key: gnuBuildIDKey, Value: model.StringValue(buildID)}))
	}
	w.mappings[key] = i
	return i
}

func (w *profileWriter) attribute(kv model.KeyValue) int32 {
	i := int32(w.to.AttributeTable().Len())
	to := w.to.AttributeTable().AppendEmpty()
	to.SetKeyStrindex(w.text(kv.Key))
	putValue(to.Value(), kv.Value)
	return i
}

func (w *profileWriter) attributes(list model.Attributes) []int32 {
	indices := make([]int32, len(list))
	for i := range list {
		indices[i] = w.attribute(list[i])
	}
	return indices
}

func (w *profileWriter) profile(to pprofile.Profile, p *model.Profile) {
	to.SetProfileID(pprofile.ProfileID(p.ID))
	to.SampleType().SetTypeStrindex(w.text(p.Type.Name))
	to.SampleType().SetUnitStrindex(w.text(p.Type.Unit))
	to.PeriodType().SetTypeStrindex(w.text(p.Type.PeriodName))
	to.PeriodType().SetUnitStrindex(w.text(p.Type.PeriodUnit))
	to.SetPeriod(p.Type.Period)
	to.SetTime(pcommon.Timestamp(p.Time))
	to.SetDurationNano(uint64(max(p.Duration, 0)))
	to.AttributeIndices().FromRaw(w.attributes(p.Attributes))
	to.Samples().EnsureCapacity(len(p.Samples))
	for i := range p.Samples {
		w.sample(to.Samples().AppendEmpty(), &p.Samples[i])
	}
}

func (w *profileWriter) sample(to pprofile.Sample, s *model.ProfileSample) {
	to.SetStackIndex(w.stacks[s.Stack])
	if s.Set != model.NoSet {
		to.AttributeIndices().FromRaw(w.sets[s.Set])
	}
	if !s.TraceID.IsZero() || !s.SpanID.IsZero() {
		to.SetLinkIndex(int32(w.to.LinkTable().Len()))
		l := w.to.LinkTable().AppendEmpty()
		l.SetTraceID(pcommon.TraceID(s.TraceID))
		l.SetSpanID(pcommon.SpanID(s.SpanID))
	}
	to.Values().FromRaw(s.Values)
	for _, at := range s.Times {
		to.TimestampsUnixNano().Append(uint64(at))
	}
}
