// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"math"
	"time"

	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/tapio/tapio/internal/model"
)

// unnamedType is the name of a sample type that has none.
const unnamedType = "unknown"

// Profiles reads profiles. References that lead outside of the dictionary, and what is
// too large, are left out and counted.
func Profiles(from pprofile.Profiles) ([]model.Profile, model.ProfileRejections) {
	r := newProfileReader(from.Dictionary())
	origins := resolveOrigins(from)
	var list []model.Profile
	for _, ofResource := range from.ResourceProfiles().All() {
		resource := resourceFrom(ofResource.Resource(), ofResource.SchemaUrl())
		origins.replace(&resource.Attributes)
		for _, ofScope := range ofResource.ScopeProfiles().All() {
			scope := scopeFrom(ofScope.Scope(), ofScope.SchemaUrl())
			origins.replace(&scope.Attributes)
			for _, profile := range ofScope.Profiles().All() {
				read, ok := r.profile(profile)
				if !ok {
					continue
				}
				read.Resource, read.Scope = resource, scope
				list = append(list, read)
			}
		}
	}
	return list, r.rejected
}

// profile reads all but the origin. Not ok: it cannot be read, and is counted.
func (r *profileReader) profile(p pprofile.Profile) (out model.Profile, ok bool) {
	kind, ok := r.kind(p)
	attributes, found := r.attributes(p.AttributeIndices())
	if !ok || !found {
		r.rejected.Add(model.ProfileDangling, samplesIn(p))
		return out, false
	}
	out = model.Profile{
		ID: model.ProfileID(p.ProfileID()), Attributes: attributes, Type: kind, Dictionary: r.out,
		Time: model.Nanos(p.Time()), Duration: time.Duration(min(p.DurationNano(), math.MaxInt64)),
		Samples: make([]model.ProfileSample, 0, p.Samples().Len()),
	}
	each := r.valueless(p, &out.Type)
	for _, sample := range p.Samples().All() {
		if s, ok := r.sample(sample, each); ok {
			out.Samples = append(out.Samples, s)
		}
	}
	return out, len(out.Samples) > 0 || p.Samples().Len() == 0
}

// kind reads what a profile measures.
func (r *profileReader) kind(p pprofile.Profile) (kind model.ProfileType, ok bool) {
	kind.Period = p.Period()
	ok = true
	for _, text := range []struct {
		index int32
		to    *string
	}{
		{p.SampleType().TypeStrindex(), &kind.Name},
		{p.SampleType().UnitStrindex(), &kind.Unit},
		{p.PeriodType().TypeStrindex(), &kind.PeriodName},
		{p.PeriodType().UnitStrindex(), &kind.PeriodUnit},
	} {
		var found bool
		*text.to, found = r.text(text.index)
		ok = ok && found
	}
	if kind.Name == "" {
		kind.Name = unnamedType
	}
	return kind, ok
}

// valueless returns the value of an observation without one. A profile that only counts
// ticks of the CPU clock, as that of OpenTelemetry's eBPF profiler, becomes one of CPU
// time, so that all CPU profiles have one type.
func (*profileReader) valueless(p pprofile.Profile, kind *model.ProfileType) int64 {
	if kind.Name != "samples" || kind.PeriodName != "cpu" || kind.PeriodUnit != "nanoseconds" || kind.Period <= 0 {
		return 1
	}
	for _, sample := range p.Samples().All() {
		if sample.Values().Len() > 0 {
			return 1
		}
	}
	kind.Name, kind.Unit = kind.PeriodName, kind.PeriodUnit
	return kind.Period
}

func samplesIn(p pprofile.Profile) (n int) {
	for _, sample := range p.Samples().All() {
		n += max(sample.Values().Len(), sample.TimestampsUnixNano().Len())
	}
	return n
}

// sample reads one sample; each is the value of an observation without one.
func (r *profileReader) sample(s pprofile.Sample, each int64) (out model.ProfileSample, ok bool) {
	values, times := s.Values().AsRaw(), s.TimestampsUnixNano()
	observations := max(len(values), times.Len())
	if observations == 0 || len(values) > 0 && times.Len() > 0 && len(values) != times.Len() {
		r.rejected.Add(model.ProfileMalformed, max(observations, 1))
		return out, false
	}
	for range observations - len(values) {
		values = append(values, each)
	}
	out = model.ProfileSample{Values: values, Set: model.NoSet}
	if n := times.Len(); n > 0 {
		out.Times = make([]model.Nanos, n)
		for i, at := range times.All() {
			out.Times[i] = model.Nanos(at)
		}
	}
	reason := r.references(s, &out)
	if reason != "" {
		r.rejected.Add(reason, observations)
	}
	return out, reason == ""
}

// references reads what a sample refers to. The reason is empty if all is there.
func (r *profileReader) references(s pprofile.Sample, out *model.ProfileSample) (reason string) {
	if out.Stack, reason = r.stack(s.StackIndex()); reason != "" {
		return reason
	}
	if out.Set, reason = r.set(s.AttributeIndices()); reason != "" {
		return reason
	}
	switch i := int(s.LinkIndex()); {
	case i == 0:
	case i < 0 || i >= r.dictionary.LinkTable().Len():
		return model.ProfileDangling
	default:
		l := r.dictionary.LinkTable().At(i)
		out.TraceID, out.SpanID = model.TraceID(l.TraceID()), model.SpanID(l.SpanID())
	}
	return ""
}
