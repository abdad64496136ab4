// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"context"
	"encoding/binary"
	"math/bits"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/intern"
)

const (
	// parentLead is how long before the range of a query the parent of a span in it may
	// start.
	parentLead = model.Nanos(5 * time.Minute)
	// spanRefBytes is charged for a span of CountCalls: for itself and for its parent.
	spanRefBytes = 16
	// serviceBits of a spanRef are the place of the service, the others a hash of the ids.
	serviceBits = 18
)

// spanRef is a span and its service in one word. That two of ten million spans have the
// same hash is about as likely as not, which counts one call too many.
type spanRef uint64

func newSpanRef(trace model.TraceID, span model.SpanID, service int) spanRef {
	high, low := bits.Mul64(binary.LittleEndian.Uint64(trace[:8])^0x9e3779b97f4a7c15, binary.LittleEndian.Uint64(span[:])^0xd1b54a32d192ed03)
	high2, low2 := bits.Mul64(binary.LittleEndian.Uint64(trace[8:])^0xa0761d6478bd642f, high^low^0xe7037ed1a0b428db)
	return spanRef((high2^low2)<<serviceBits | uint64(service))
}

func (r spanRef) hash() uint64 { return uint64(r) >> serviceBits }
func (r spanRef) service() int { return int(r & (1<<serviceBits - 1)) }

// callCounter joins spans with their parents.
type callCounter struct {
	account  *budget.Account
	times    model.TimeRange
	key      model.LabelKey
	services intern.Table[model.ServiceName]
	spans    []spanRef
	children []spanRef // the ids of the parent, the service of the child
	counted  uint64
	full     bool
}

// CountCalls implements query.Discoverer.
func (s *Store) CountCalls(ctx context.Context, times model.TimeRange) (model.CallCounts, error) {
	a := s.budget.Account(ctx)
	defer a.Close()
	c := &callCounter{account: a, times: times, key: model.NewLabelKey(semconv.ServiceName), services: intern.NewTable[model.ServiceName]()}
	wide := times
	wide.Start -= min(wide.Start, parentLead)
	spans := s.scanSpans(model.TraceQuery{Filter: model.Filter{Time: wide}}, a)
	if err := spans.each(ctx, c.add); err != nil && !c.full {
		return model.CallCounts{}, err
	}
	return c.result(), nil
}

// add takes a span. The newest come first, so that those above the memory of a query
// are the oldest.
func (c *callCounter) add(s *model.Span) error {
	if err := c.account.Take(spanRefBytes); err != nil {
		c.full = len(c.spans) > 0
		return err
	}
	name, set := s.Labels().Get(c.key)
	service := c.services.Place(model.ServiceName{Name: name.Text(), Set: set})
	if service >= 1<<serviceBits {
		c.full = true
		return c.account.Refuse("the spans are of more than %d services", 1<<serviceBits)
	}
	c.spans = append(c.spans, newSpanRef(s.TraceID, s.SpanID, service))
	if !c.times.Contains(s.Start) {
		return nil
	}
	c.counted++
	if !s.ParentID.IsZero() {
		c.children = append(c.children, newSpanRef(s.TraceID, s.ParentID, service))
	}
	return nil
}

func (c *callCounter) result() model.CallCounts {
	slices.Sort(c.spans)
	slices.Sort(c.children)
	counts := map[[2]int]uint64{}
	at := 0
	for _, child := range c.children {
		for at < len(c.spans) && c.spans[at].hash() < child.hash() {
			at++
		}
		if at < len(c.spans) && c.spans[at].hash() == child.hash() {
			counts[[2]int{c.spans[at].service(), child.service()}]++
		}
	}
	answer := model.CallCounts{Spans: c.counted, Truncated: c.full}
	for pair, n := range counts {
		answer.Calls = append(answer.Calls, model.CallCount{Parent: c.services.Values[pair[0]], Child: c.services.Values[pair[1]], Count: n})
	}
	slices.SortFunc(answer.Calls, func(a, b model.CallCount) int {
		return cmp.Or(cmp.Compare(a.Parent.Name, b.Parent.Name), cmp.Compare(a.Child.Name, b.Child.Name))
	})
	return answer
}
