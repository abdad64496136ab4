// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/otel/sdk/resource"
)

// profileWriter puts stacks into the dictionary of a request.
type profileWriter struct {
	dictionary pprofile.ProfilesDictionary
	texts      map[string]int32
	locations  map[string]int32
}

func (w *profileWriter) text(text string) int32 {
	i, known := w.texts[text]
	if !known {
		i = int32(w.dictionary.StringTable().Len())
		w.texts[text] = i
		w.dictionary.StringTable().Append(text)
	}
	return i
}

// location is that of a function, in a file that its package names.
func (w *profileWriter) location(function string) int32 {
	i, known := w.locations[function]
	if !known {
		at := w.dictionary.FunctionTable().AppendEmpty()
		at.SetNameStrindex(w.text(function))
		before, _, _ := strings.Cut(function, ".")
		at.SetFilenameStrindex(w.text(before + "/" + before[strings.LastIndexByte(before, '/')+1:] + ".go"))
		line := w.dictionary.LocationTable().AppendEmpty().Lines().AppendEmpty()
		line.SetFunctionIndex(int32(w.dictionary.FunctionTable().Len() - 1))
		line.SetLine(int64(20 + len(function)))
		i = int32(w.dictionary.LocationTable().Len() - 1)
		w.locations[function] = i
	}
	return i
}

// encodeProfile makes a CPU profile of ticks by stack.
func encodeProfile(of *resource.Resource, begin time.Time, ticks map[string]int64) pprofile.Profiles {
	out := pprofile.NewProfiles()
	w := &profileWriter{dictionary: out.Dictionary(), texts: map[string]int32{}, locations: map[string]int32{}}
	w.text("")
	w.dictionary.MappingTable().AppendEmpty()
	w.dictionary.LocationTable().AppendEmpty()
	w.dictionary.FunctionTable().AppendEmpty()
	w.dictionary.LinkTable().AppendEmpty()
	w.dictionary.AttributeTable().AppendEmpty()
	w.dictionary.StackTable().AppendEmpty()
	origin := out.ResourceProfiles().AppendEmpty()
	for _, kv := range of.Attributes() {
		origin.Resource().Attributes().PutStr(string(kv.Key), kv.Value.String())
	}
	p := origin.ScopeProfiles().AppendEmpty().Profiles().AppendEmpty()
	for _, kind := range []pprofile.ValueType{p.SampleType(), p.PeriodType()} {
		kind.SetTypeStrindex(w.text("cpu"))
		kind.SetUnitStrindex(w.text("nanoseconds"))
	}
	p.SetPeriod(int64(profileTick))
	p.SetTime(pcommon.NewTimestampFromTime(begin))
	p.SetDurationNano(uint64(time.Since(begin)))
	for _, stack := range slices.Sorted(maps.Keys(ticks)) {
		entry := w.dictionary.StackTable().AppendEmpty()
		for _, function := range slices.Backward(strings.Split(stack, ";")) {
			entry.LocationIndices().Append(w.location(function))
		}
		sample := p.Samples().AppendEmpty()
		sample.SetStackIndex(int32(w.dictionary.StackTable().Len() - 1))
		sample.Values().Append(ticks[stack] * int64(profileTick))
	}
	return out
}
