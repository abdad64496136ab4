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
func alone(ctx context.Context, set *folder, tell func(*fault, answer)) error {
	metrics, baseline, err := set.past()
	if err != nil {
		return err
	}
	for _, f := range set.sorted() {
		records, err := set.records(f.Case)
		if err != nil {
			return err
		}
		if err := withCollector(ctx, func(c *shown) error {
			got, err := c.untilEnd(ctx, &f, quietMinute(&f, baseline), time.Minute, metrics, baseline, records)
			tell(&f, got)
			return err
		}); err != nil {
			return fmt.Errorf("%s: %w", f.Case, err)
		}
	}
	return nil
}

// inOnePass shows the cases of a data set to one collector, one after the other as
// they came, and asks it after each: so one that runs for long has a past, though
// much of this one are other faults.
func inOnePass(ctx context.Context, set *folder, tell func(*fault, answer)) error {
	metrics, baseline, err := set.past()
	if err != nil {
		return err
	}
	faults := set.sorted()
	return withCollector(ctx, func(c *shown) error {
		for i, f := range faults {
			records, err := set.records(f.Case)
			if err != nil {
				return err
			}
			pause := time.Minute
			if i+1 < len(faults) { // lest the next one come late
				pause = min(pause, time.Duration(faults[i+1].At-min(faults[i+1].At, f.end()))/2)
			}
			got, err := c.untilEnd(ctx, &f, quietMinute(&f, newTimeline()), pause, metrics, baseline, records)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Case, err)
			}
			tell(&f, got)
		}
		return nil
	})
}

// shown is a collector with what it was shown so far.
type shown struct {
	*sender
	api   tapiov1.TapioServiceClient
	until uint64 // the number of the next slot
}

func withCollector(ctx context.Context, use func(*shown) error) error {
	c, err := running.Start(ctx, binary, config)
	if err != nil {
		return err
	}
	defer c.Stop()
	return use(&shown{sender: newSender(c), api: tapiov1.NewTapioServiceClient(c.API)})
}

// untilEnd shows what happened until the end of a case, lets event time go on for a
// pause, and asks. The fault-free minute begins at quiet.
func (c *shown) untilEnd(ctx context.Context, f *fault, quiet uint64, pause time.Duration, lines ...*timeline) (answer, error) {
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
	got := told(groups, f, quiet)
	if got.services, err = analyzed(ctx, c.api, f); err != nil {
		return answer{}, err
	}
	got.seconds = time.Since(began).Seconds()
	return got, nil
}

// quietMinute is where the fault-free minute begins: with the baseline, or two
// minutes before the fault where there is none.
func quietMinute(f *fault, baseline *timeline) uint64 {
	if baseline.first != 0 {
		return baseline.first
	}
	return f.At - uint64(2*time.Minute)
}
