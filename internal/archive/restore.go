// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/archive/bucket"
	"github.com/tapio/tapio/internal/model"
)

// listAttempts is how often List tries one request: a person waits for its answer.
const listAttempts = 2

// Selection is what of an archive is meant.
type Selection struct {
	Signals  []string // none: all
	Services []string // none: all
	Times    model.TimeRange
}

func (s *Selection) signals() []string {
	if len(s.Signals) == 0 {
		return Signals()
	}
	return s.Signals
}

func (s *Selection) wantsService(name string) bool {
	return len(s.Services) == 0 || slices.Contains(s.Services, name)
}

func (s *Selection) wants(b *block) bool { return s.Times.Overlaps(b.First, b.Last) }

// Entry is what an archive has of one signal, service and hour.
type Entry struct {
	Signal, Service string
	Hour            time.Time
	Objects         int
	Records         uint64
	Bytes           int64
}

// Sink stores what is restored. Each method returns how many records were refused.
type Sink interface {
	AppendEvents(rows []model.Event) (refused int, err error)
	AppendSpans(rows []model.Span) (refused int, err error)
	AppendPoints(rows []model.Point) (refused int, err error)
	AppendProfiles(list []model.Profile) (refused int, err error)
}

// Progress is what was restored so far.
type Progress struct {
	Records map[string]uint64 // by signal
	Refused uint64            // records that the store does not take
	// Objects is how many were read of the TotalObjects that the indexes list. Missing
	// counts those that are gone, Damaged the blocks that cannot be read.
	Objects, TotalObjects, Missing, Damaged uint64
	// Bytes is what was read of objects.
	Bytes uint64
	// Hour is the hour whose objects are read.
	Hour time.Time
}

// Restorer reads an archive.
type Restorer struct {
	Bucket bucket.Bucket
	Prefix string
	// Timeout is how long one request may take. One that fails is repeated up to Attempts
	// times in all, after Backoff, twice as long each time.
	Timeout  time.Duration
	Attempts int
	Backoff  time.Duration
}

// List returns what the archive has of a selection, by hour, signal and service.
func (r *Restorer) List(ctx context.Context, s Selection) ([]Entry, error) {
	var entries []Entry
	place := map[Entry]int{}
	soon := *r
	soon.Attempts = min(r.Attempts, listAttempts)
	err := soon.indexes(ctx, s, func(x *index) error {
		hour, err := time.Parse(hourLayout, x.Hour)
		if err != nil {
			return fmt.Errorf("index of %s: %w", x.Signal, err)
		}
		for i := range x.Objects {
			o := &x.Objects[i]
			key := Entry{Signal: x.Signal, Service: o.Service, Hour: hour}
			if _, found := place[key]; !found {
				place[key] = len(entries)
				entries = append(entries, key)
			}
			e := &entries[place[key]]
			e.Objects++
			e.Records += o.records()
			e.Bytes += o.bytes()
		}
		return nil
	})
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Signal, b.Signal), cmp.Compare(a.Service, b.Service))
	})
	return entries, err
}

// indexes calls use with the indexes of a selection, by signal and hour, without the
// objects that have nothing of it.
func (r *Restorer) indexes(ctx context.Context, s Selection, use func(*index) error) error {
	at := newLayout(r.Prefix)
	for _, signal := range s.signals() {
		keys, err := r.indexKeys(ctx, at, signal, s.Times)
		if err != nil {
			return err
		}
		for _, key := range keys {
			x, err := r.index(ctx, key)
			if errors.Is(err, bucket.ErrNotFound) {
				continue // deleted meanwhile
			}
			if err != nil {
				return err
			}
			x.Objects = slices.DeleteFunc(x.Objects, func(o objectIndex) bool {
				return !s.wantsService(o.Service) || !slices.ContainsFunc(o.Blocks, func(b block) bool { return s.wants(&b) })
			})
			if len(x.Objects) == 0 {
				continue
			}
			if err := use(x); err != nil {
				return err
			}
		}
	}
	return nil
}

// indexKeys returns the objects with the indexes of a signal in a time range.
func (r *Restorer) indexKeys(ctx context.Context, at layout, signal string, times model.TimeRange) (keys []bucket.Object, err error) {
	after, last := "", ""
	if times.Start != 0 {
		after = at.indexes(signal) + hourOf(times.Start)
	}
	if times.End != 0 {
		last = hourOf(times.End - 1)
	}
	err = r.try(ctx, func(ctx context.Context) error {
		keys = nil
		return r.Bucket.List(ctx, at.indexes(signal), after, func(o bucket.Object) bool {
			if last != "" && at.hourOfIndex(signal, o.Key) > last {
				return false
			}
			keys = append(keys, o)
			return true
		})
	})
	return keys, err
}

func (r *Restorer) index(ctx context.Context, o bucket.Object) (x *index, err error) {
	err = r.try(ctx, func(ctx context.Context) error {
		data, err := r.Bucket.Read(ctx, o.Key, 0, o.Size)
		if err != nil {
			return err
		}
		if x, err = decodeIndex(data); err != nil {
			return fmt.Errorf("index %s: %w", o.Key, err)
		}
		return nil
	})
	return x, err
}

// try makes a request, and repeats it if it fails.
func (r *Restorer) try(ctx context.Context, request func(ctx context.Context) error) error {
	wait := r.Backoff
	for attempt := 1; ; attempt++ {
		within, cancel := context.WithTimeout(ctx, r.Timeout)
		err := request(within)
		cancel()
		if err == nil || errors.Is(err, bucket.ErrNotFound) || attempt >= r.Attempts {
			return err
		}
		if !sleep(ctx, wait) {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		wait *= 2
	}
}
