// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprof

import (
	"bytes"
	"fmt"

	"github.com/google/pprof/profile"

	"github.com/tapio/tapio/internal/model"
)

// Encode writes a profile in pprof's format, compressed with gzip.
func Encode(p *model.Profile) ([]byte, error) {
	e := &encoder{
		from: p.Dictionary, mappings: map[[2]string]*profile.Mapping{}, functions: map[[2]string]*profile.Function{},
		to: &profile.Profile{
			SampleType:    []*profile.ValueType{{Type: p.Type.Name, Unit: p.Type.Unit}},
			PeriodType:    &profile.ValueType{Type: p.Type.PeriodName, Unit: p.Type.PeriodUnit},
			Period:        p.Type.Period,
			TimeNanos:     int64(p.Time),
			DurationNanos: int64(p.Duration),
		},
	}
	for i := range p.Dictionary.Frames {
		e.location(&p.Dictionary.Frames[i])
	}
	for i := range p.Samples {
		e.sample(&p.Samples[i])
	}
	if err := e.to.CheckValid(); err != nil {
		return nil, fmt.Errorf("encode pprof: %w", err)
	}
	var buffer bytes.Buffer
	if err := e.to.Write(&buffer); err != nil {
		return nil, fmt.Errorf("encode pprof: %w", err)
	}
	return buffer.Bytes(), nil
}

type encoder struct {
	from      *model.ProfileDictionary
	to        *profile.Profile
	mappings  map[[2]string]*profile.Mapping
	functions map[[2]string]*profile.Function
}

// frameName is the name of a frame that has no function but is no address either.
func frameName(f *model.Frame) string {
	if f.Function == "" && f.IsTruncated() {
		return "[truncated]"
	}
	return f.Function
}

func (e *encoder) location(f *model.Frame) {
	l := &profile.Location{ID: uint64(len(e.to.Location) + 1), Address: f.Address, Mapping: e.mapping(f)}
	if name := frameName(f); name != "" {
		l.Line = []profile.Line{{Function: e.function(name, f.File), Line: f.Line}}
	}
	e.to.Location = append(e.to.Location, l)
}

func (e *encoder) mapping(f *model.Frame) *profile.Mapping {
	if f.Mapping == "" && f.BuildID == "" {
		return nil
	}
	key := [2]string{f.Mapping, f.BuildID}
	m, found := e.mappings[key]
	if !found {
		m = &profile.Mapping{ID: uint64(len(e.to.Mapping) + 1), File: f.Mapping, BuildID: f.BuildID}
		e.mappings[key] = m
		e.to.Mapping = append(e.to.Mapping, m)
	}
	m.HasFunctions = m.HasFunctions || f.Function != ""
	return m
}

func (e *encoder) function(name, file string) *profile.Function {
	key := [2]string{name, file}
	f, found := e.functions[key]
	if !found {
		f = &profile.Function{ID: uint64(len(e.to.Function) + 1), Name: name, SystemName: name, Filename: file}
		e.functions[key] = f
		e.to.Function = append(e.to.Function, f)
	}
	return f
}

func (e *encoder) sample(s *model.ProfileSample) {
	stack := e.from.Stacks[s.Stack]
	to := &profile.Sample{Location: make([]*profile.Location, len(stack)), Value: make([]int64, 1)}
	for i, frame := range stack {
		to.Location[i] = e.to.Location[frame]
	}
	for _, value := range s.Values {
		to.Value[0] += value
	}
	e.to.Sample = append(e.to.Sample, to)
}
