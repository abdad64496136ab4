// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package working

import (
	"context"
	"sync"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// parentLead is how long before a range the parent of a span in it may start.
const parentLead = model.Nanos(5 * 60 * 1e9)

// WithParents is the range in which the parents of the spans of a range are looked for.
func WithParents(times model.TimeRange) model.TimeRange {
	times.Start -= min(times.Start, parentLead)
	return times
}

// spansAtOnce is how many spans are read at once.
const spansAtOnce = 512

// ReadSpans adds the spans of a range that a reader holds, under a lock if others add
// too. It returns true if there was no room for all of them.
func (s *Set) ReadSpans(ctx context.Context, from query.Tailer, times model.TimeRange, lock sync.Locker) (truncated bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of the tail
	tail := from.TailSpans(ctx, model.TraceQuery{Filter: model.Filter{Time: times}}, model.Start{Resume: true})
	for {
		spans, _, more := tail.Poll(spansAtOnce)
		if len(spans) > 0 {
			lock.Lock()
			fits, err := s.AddSpans(spans)
			lock.Unlock()
			if err != nil || !fits {
				return !fits, err
			}
		}
		if !more {
			return false, endOf(tail)
		}
		if len(spans) == 0 {
			if err := tail.Ready(ctx); err != nil {
				return false, err
			}
		}
	}
}

// Failing is an interface that a Tail MAY implement: it returns why the tail does not
// go on.
type Failing interface{ Err() error }

func endOf(tail any) error {
	if failing, ok := tail.(Failing); ok {
		return failing.Err()
	}
	return nil
}
