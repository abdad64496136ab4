// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// alone shows each case of a data set to a collector of its own, which knows nothing
// but the metrics of the day and, where there is one, the fault-free minute.
func alone(ctx context.Context, set *folder, b *board) error {
	metrics, baseline, err := set.past()
	if err != nil {
		return err
	}
	for _, f := range set.sorted() {
		records, err := set.records(f.Case)
		if err != nil {
			return err
		}
		if err := withCollector(ctx, set.by, func(c *shown) error {
			got, err := c.untilEnd(ctx, &f, time.Minute, metrics, baseline, records)
			b.add(set, &f, got)
			b.fed(set, falsePages(c.groups, set.faults), metrics.first, f.end())
			return err
		}); err != nil {
			return fmt.Errorf("%s: %w", f.Case, err)
		}
	}
	return nil
}

// inOnePass shows the cases of a data set to one collector, one after the other as
// they came, and queries it after each: so one that runs for long has a baseline, though
// much of this one are other faults.
func inOnePass(ctx context.Context, set *folder, b *board) error {
	metrics, baseline, err := set.past()
	if err != nil {
		return err
	}
	faults := set.sorted()
	return withCollector(ctx, set.by, func(c *shown) error {
		for i, f := range faults {
			records, err := set.records(f.Case)
			if err != nil {
				return err
			}
			pause := time.Minute
			if i+1 < len(faults) { // so that the next one is not late
				pause = min(pause, time.Duration(faults[i+1].At-min(faults[i+1].At, f.end()))/2)
			}
			got, err := c.untilEnd(ctx, &f, pause, metrics, baseline, records)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Case, err)
			}
			b.add(set, &f, got)
		}
		b.fed(set, falsePages(c.groups, set.faults), metrics.first, faults[len(faults)-1].end())
		return nil
	})
}

// shown is a collector with what it was shown so far.
type shown struct {
	*sender
	api    tapiov1.TapioServiceClient
	by     *disturbance
	until  uint64                   // the number of the next slot
	groups []*tapiov1.SemanticGroup // as they were last
}

func withCollector(ctx context.Context, by *disturbance, use func(*shown) error) error {
	c, err := running.Start(ctx, binary, config)
	if err != nil {
		return err
	}
	defer c.Stop()
	return use(&shown{sender: newSender(c), api: tapiov1.NewTapioServiceClient(c.API), by: by})
}

// untilEnd shows what happened until the end of a case, lets event time go on for a
// pause, and asks.
func (c *shown) untilEnd(ctx context.Context, f *fault, pause time.Duration, lines ...*timeline) (answer, error) {
	began := time.Now()
	if err := c.replay(ctx, c.until, f.end(), lines...); err != nil {
		return answer{}, err
	}
	c.until = slotAfter(f.end())
	if err := c.pass(ctx, f.end(), pause); err != nil {
		return answer{}, err
	}
	groups, err := settledGroups(ctx, c.api)
	if err != nil {
		return answer{}, err
	}
	c.groups = groups
	got := unasked(groups, f)
	if got.services, err = analyzed(ctx, c.api, f, c.by.asked); err != nil {
		return answer{}, err
	}
	got.seconds = time.Since(began).Seconds()
	return got, nil
}
