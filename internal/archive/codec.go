// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"cmp"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
)

// codec is how the records of one signal are written and read.
type codec[Row any] struct {
	signal    string
	service   func(*Row) string
	when      func(*Row) model.Nanos
	size      func(*Row) int
	marshal   func([]Row) ([]byte, error)
	unmarshal func([]byte) ([]Row, error)
}

func eventCodec() codec[model.Event] {
	return codec[model.Event]{
		signal:  Logs,
		service: func(e *model.Event) string { return e.Resource.Service() }, when: (*model.Event).When, size: (*model.Event).AnswerSize,
		marshal: func(rows []model.Event) ([]byte, error) {
			return otlp.MarshalEvents(gathered(rows, func(e *model.Event) *model.Resource { return e.Resource }))
		},
		unmarshal: otlp.UnmarshalEvents,
	}
}

func spanCodec() codec[model.Span] {
	return codec[model.Span]{
		signal:  Traces,
		service: func(s *model.Span) string { return s.Resource.Service() }, when: func(s *model.Span) model.Nanos { return s.Start },
		size: (*model.Span).AnswerSize,
		marshal: func(rows []model.Span) ([]byte, error) {
			return otlp.MarshalSpans(gathered(rows, func(s *model.Span) *model.Resource { return s.Resource }))
		},
		unmarshal: otlp.UnmarshalSpans,
	}
}

// pointOrigin is what points are written below once.
type pointOrigin struct {
	resource *model.Resource
	scope    *model.Scope
	metric   *model.Metric
}

func originOf(p *model.Point) pointOrigin {
	return pointOrigin{p.Series.Resource, p.Series.Scope, p.Series.Metric}
}

func pointCodec() codec[model.Point] {
	return codec[model.Point]{
		signal:  Metrics,
		service: func(p *model.Point) string { return p.Series.Resource.Service() }, when: func(p *model.Point) model.Nanos { return p.Time },
		size: (*model.Point).AnswerSize,
		marshal: func(rows []model.Point) ([]byte, error) {
			return otlp.MarshalPoints(gathered(rows, originOf))
		},
		unmarshal: otlp.UnmarshalPoints,
	}
}

func profileCodec() codec[model.Profile] {
	return codec[model.Profile]{
		signal:  Profiles,
		service: func(p *model.Profile) string { return p.Resource.Service() }, when: func(p *model.Profile) model.Nanos { return p.Time },
		size: profileSize, marshal: otlp.MarshalProfiles,
		unmarshal: func(data []byte) ([]model.Profile, error) {
			list, _, err := otlp.UnmarshalProfiles(data)
			return list, err
		},
	}
}

// What a sample, a frame and a place in a stack take, about.
const (
	sampleBytes, frameBytes, placeBytes = 80, 120, 4
	profileHead                         = 256
)

func profileSize(p *model.Profile) int {
	n := profileHead + p.Resource.Size() + p.Scope.Size() + p.Attributes.Size() + frameBytes*len(p.Dictionary.Frames)
	for _, stack := range p.Dictionary.Stacks {
		n += placeBytes * len(stack)
	}
	for _, set := range p.Dictionary.Sets {
		n += set.Size()
	}
	for i := range p.Samples {
		n += sampleBytes + 8*len(p.Samples[i].Values) + 8*len(p.Samples[i].Times)
	}
	return n
}

// gathered returns the rows of one origin behind each other, else in their order, so that
// the origin is written once.
func gathered[Row any, Origin comparable](rows []Row, origin func(*Row) Origin) []Row {
	first := map[Origin]int{}
	type placed struct{ origin, row int }
	order := make([]placed, len(rows))
	for i := range rows {
		o := origin(&rows[i])
		at, found := first[o]
		if !found {
			at = i
			first[o] = i
		}
		order[i] = placed{at, i}
	}
	slices.SortFunc(order, func(a, b placed) int { return cmp.Or(cmp.Compare(a.origin, b.origin), cmp.Compare(a.row, b.row)) })
	sorted := make([]Row, len(rows))
	for i, p := range order {
		sorted[i] = rows[p.row]
	}
	return sorted
}
