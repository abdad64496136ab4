// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"time"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// pacing is how the server wants a writer to send. The writer's lock guards
// it.
type pacing struct {
	flow      *tapiov1.FlowControl
	notBefore time.Time // the end of a pause
	sent      time.Time // the batch before
	count     int       // its events
}

// ApplyFlowControl makes the writer send as a server asks, until the next call: batches not
// larger, not closer together and not faster than that, compressed as it likes,
// and none during a pause. What Write takes meanwhile waits. nil ends all of it.
func (w *Writer) ApplyFlowControl(flow *tapiov1.FlowControl) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flow, w.notBefore = flow, time.Time{}
	if pause := flow.GetPause().AsDuration(); pause > 0 {
		w.notBefore = time.Now().Add(pause)
	}
	w.notify()
}

// most is how many events a batch may have.
func (s *pacing) most(events int) int {
	if asked := int(s.flow.GetMaxBatchRecords()); asked > 0 {
		return min(events, asked)
	}
	return events
}

// due is when the next batch may go.
func (s *pacing) due() time.Time {
	apart := s.flow.GetSendInterval().AsDuration()
	if perSecond := s.flow.GetMaxRecordsPerSecond(); perSecond > 0 {
		apart = max(apart, time.Duration(float64(s.count)/perSecond*float64(time.Second)))
	}
	if next := s.sent.Add(apart); next.After(s.notBefore) {
		return next
	}
	return s.notBefore
}

// pace waits until a batch of that many events may go. Another word of the
// server counts at once.
func (w *Writer) pace(ctx context.Context, events int) error {
	for {
		w.mu.Lock()
		now, changed := time.Now(), w.changed
		wait := w.due().Sub(now)
		if wait <= 0 {
			w.sent, w.count = now, events
			w.mu.Unlock()
			return nil
		}
		w.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}
