// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"context"
	"fmt"
	"sync"
	"time"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// incident is one group with all its revisions, the oldest first.
type incident struct {
	id        string
	revisions []*tapiov1.SemanticGroup
}

// follower takes every revision of every group as the API streams them.
type follower struct {
	end  context.CancelFunc
	done chan struct{}
	lost uint64

	mu    sync.Mutex
	byID  map[string]*incident
	order []*incident
	count int
	// failed is why the stream ended: by stop, or before its time.
	failed error
}

func followGroups(ctx context.Context, c *running.Collector) (*follower, error) {
	ctx, end := context.WithCancel(ctx)
	stream, err := tapiov1.NewTapioServiceClient(c.API).SubscribeToEvents(ctx, &tapiov1.SubscribeToEventsRequest{
		Filter: &tapiov1.Filter{EventNames: []string{"tapio.semantic_group"}},
		Start:  &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}}, // from the oldest record on: none is missed
	})
	if err != nil {
		end()
		return nil, err
	}
	f := &follower{end: end, done: make(chan struct{}), byID: map[string]*incident{}}
	go func() {
		defer close(f.done)
		for {
			got, err := stream.Recv()
			if err != nil {
				f.mu.Lock()
				f.failed = err
				f.mu.Unlock()
				return
			}
			f.take(got)
		}
	}()
	return f, nil
}

func (f *follower) take(got *tapiov1.SubscribeToEventsResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost += got.GetLoss().GetCount()
	for _, g := range got.GetGroups() {
		f.count++
		i := f.byID[g.GetId()]
		if i == nil {
			i = &incident{id: g.GetId()}
			f.byID[g.GetId()] = i
			f.order = append(f.order, i)
		}
		g.Members = nil // many, and not scored
		i.revisions = append(i.revisions, g)
	}
}

func (f *follower) stop() {
	f.end()
	<-f.done
}

// settled waits until no more revisions come.
func (f *follower) settled(ctx context.Context) ([]*incident, error) {
	const steady = 5
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for same, last := 0, -1; same < steady; {
		f.mu.Lock()
		count, failed := f.count, f.failed
		f.mu.Unlock()
		if failed != nil {
			return nil, fmt.Errorf("the stream of groups ended: %w", failed)
		}
		if count == last {
			same++
		} else {
			same, last = 0, count
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.order, nil
}
