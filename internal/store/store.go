// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/budget"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/disk"
	"github.com/tapio/tapio/internal/store/segment"
	"github.com/tapio/tapio/internal/store/symboltable"
	"github.com/tapio/tapio/internal/store/wal"
)

// Limits bound the store.
type Limits struct {
	// Logs, Traces and Metrics are the bytes that each signal may hold. A
	// signal with 0 or less keeps nothing and refuses every row.
	Logs, Traces, Metrics int64
	// Profiles is the bytes that profiles may hold. What they hold is taken from the
	// three above, in proportion.
	Profiles int64
	// Symbols is the bytes that uploaded tables of functions may hold, taken likewise.
	Symbols int64
	// MaxAge is how long a row is kept after its arrival; 0: no bound. Rows go
	// chunk by chunk, so some stay up to 1/64 of MaxAge longer.
	MaxAge time.Duration
	// QueryMemory is the bytes that all queries together may hold while they run;
	// 0 or less: 128 MiB. One query may hold a quarter.
	QueryMemory int64
}

// Store holds log records, spans, metric points and profiles. All methods are safe for
// concurrent use. Rows that go in, and rows that come out, must not be changed.
type Store struct {
	started   time.Time
	epoch     uint64
	directory *directory // nil: in memory only
	budget    *budget.Budget
	findings  findingCounts
	panics    *panicReport
	owners    *seriesOwners

	events *log[model.Event]
	spans  *log[model.Span]
	points *pointLog

	profiles *profileLog
	symbols  *symboltable.Store
	merges   chan struct{} // holds one for each sum of profiles that is being made
	division division
}

// New makes an empty store that reads the time of arrival from now.
func New(limits Limits, now func() time.Time) *Store {
	packer := colenc.NewPacker()
	s := &Store{
		started: now(),
		epoch:   newEpoch(),
		budget:  budget.NewBudget(),
		owners:  newSeriesOwners(),
		events:  newLog(eventSignal(), packer, now),
		spans:   newLog(spanSignal(), packer, now),
		points:  newPointLog(packer, now),
	}
	s.merges = make(chan struct{}, maxMerges)
	s.profiles = newProfileLog(s.epoch, packer, now)
	s.symbols = newSymbols(s.profiles, now)
	s.panics = &panicReport{}
	s.events.panics, s.spans.panics, s.points.panics = s.panics, s.panics, s.panics
	s.events.summaries.budget, s.spans.summaries.budget = s.budget, s.budget
	s.SetLimits(limits)
	return s
}

// DirectoryOptions are those of a store that is kept in a directory.
type DirectoryOptions struct {
	Path       string
	Durability Durability
	// Report is informed of troubles with the directory, none of which ends the store, and
	// with a nil error of their end.
	Report func(problem string, err error)
	// FS is the file system, nil for that of the operating system.
	FS disk.FS
}

// Open makes a store that keeps its rows in a directory, and reads back what one
// before left there: rows, sequences, ids and page tokens go on. The errors name the
// key store::directory.
func Open(limits Limits, now func() time.Time, o DirectoryOptions) (*Store, error) {
	s := New(limits, now)
	d, err := openDirectory(o, []durable{s.events, s.spans, s.points, s.profiles})
	if err != nil {
		return nil, err
	}
	d.ahead.logBytes = logBound(limits)
	s.directory, d.panics = d, s.panics
	s.events.directory, s.spans.directory, s.points.directory = d, d, d
	s.profiles.KeepFiles()
	if err := errors.Join(d.restore(), openSymbols(s, d)); err != nil {
		_ = d.lock.Close()
		return nil, err
	}
	s.events.seen = d.seen.Keep(s.events.Place(), s.events.newest())
	s.spans.seen = d.seen.Keep(s.spans.Place(), s.spans.newest())
	s.points.seen = d.seen.Keep(s.points.Place(), s.points.newest())
	s.epoch = d.epoch
	s.profiles.SetEpoch(d.epoch)
	s.Retire()
	d.settle()
	d.ahead.start()
	d.begin()
	return s, nil
}

// Checkpoint writes all rows to the directory, those of the head too, so that
// nothing is lost if the process ends now. Without a directory it does nothing.
func (s *Store) Checkpoint() error {
	if s.directory == nil {
		return nil
	}
	return s.directory.checkpoint()
}

// Resume goes on after a Checkpoint, with the durability that is configured now.
func (s *Store) Resume(durability Durability, limits Limits) {
	if s.directory != nil {
		s.directory.resume(durability, logBound(limits))
	}
}

// Close releases the directory, which is not written any more.
func (s *Store) Close() {
	if s.directory != nil {
		s.directory.close()
	}
}

// DirectoryStats describes the directory.
type DirectoryStats struct {
	Path         string // "" for none
	Bytes        uint64 // of all files
	FailedWrites uint64 // tries that failed; the rows stay in memory
	CorruptFiles uint64 // that were set aside
	DamagedFiles uint64 // of these, until they are removed; a log that only ends early is none
	Failing      bool   // the latest write failed, or a new directory lacks records of one that was removed

	Log wal.Stats // of the write-ahead log
}

// Directory returns the figures of the directory.
func (s *Store) Directory() DirectoryStats {
	d := s.directory
	if d == nil {
		return DirectoryStats{}
	}
	stats := DirectoryStats{
		Path: d.path, Bytes: uint64(max(d.bytes.Load(), 0)), FailedWrites: d.writes.Load(),
		CorruptFiles: d.corrupt.Load(), DamagedFiles: d.damaged.Load(), Failing: d.failing.Load() || d.incomplete.Load(),
	}
	if w := d.ahead.log.Load(); w != nil {
		stats.Log = w.Stats()
		stats.FailedWrites += stats.Log.Failures
		stats.Failing = stats.Failing || stats.Log.Failing
	}
	return stats
}

// Started returns when the store was made.
func (s *Store) Started() time.Time { return s.started }

// Epoch returns the number that distinguishes this store's sequences from those of
// another one. It is never 0.
func (s *Store) Epoch() uint64 { return s.epoch }

// SetLimits changes the bounds and evicts at once what no longer fits.
func (s *Store) SetLimits(limits Limits) {
	s.budget.SetLimit(limits.QueryMemory)
	s.profiles.SetLimits(limits.Profiles, limits.MaxAge)
	s.division.mu.Lock()
	defer s.division.mu.Unlock()
	s.division.limits = limits
	s.symbols.SetLimit(limits.Symbols)
	s.division.taken = s.division.forProfiles(s.profiles.Used() + s.symbols.Used())
	s.applyLimits()
}

// AppendEvents stores log records and takes over what they refer to; the slice
// itself is the caller's again. It returns how many were refused because they are
// larger than a chunk may be. An error means that none is stored, for the write-ahead
// log cannot be written: the caller should try again. Only DurabilitySync gives one,
// and a store that is closed.
func (s *Store) AppendEvents(rows []model.Event) (refused int, err error) {
	refused, err = s.events.append(rows)
	if err == nil {
		s.findings.note(rows)
	}
	return refused, appendFailure(err)
}

// AppendSpans stores spans as AppendEvents does log records.
func (s *Store) AppendSpans(rows []model.Span) (refused int, err error) {
	refused, err = s.spans.append(rows)
	return refused, appendFailure(err)
}

// AppendPoints stores metric points as AppendEvents does log records.
func (s *Store) AppendPoints(rows []model.Point) (refused int, err error) {
	return s.AppendPointBatch(packPoints(rows))
}

// AppendPointBatch stores the points of a batch. It keeps nothing of the batch.
func (s *Store) AppendPointBatch(b *model.PointBatch) (refused int, err error) {
	refused, err = s.points.append(b)
	return refused, appendFailure(err)
}

func appendFailure(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("not stored, send it again: store::directory of the tapio extension: %w", err)
}

// Retire drops the rows that arrived longer than MaxAge ago. The time in the
// rows does not matter, so that replayed telemetry stays. The owner calls it
// every few seconds.
func (s *Store) Retire() {
	s.events.retire()
	s.spans.retire()
	s.points.retire()
	s.profiles.Retire()
	s.divide()
}

// Stats is how full one signal's part of the store is. The maps are the
// caller's own.
type Stats struct {
	Signal string // "logs", "traces", "metrics" or "profiles"

	Rows, Bytes, Capacity uint64
	Appended              uint64            // rows stored since the start
	Evicted               map[string]uint64 // rows since the start, by "size" and "age"
	Refused               map[string]uint64 // rows since the start, by "too_large"
	Oldest, Newest        model.Nanos       // times in the rows held, without the rows that have none; 0: none
	FirstSeq, LastSeq     uint64            // of the oldest row held, of the newest ever stored; 0: none
	Lost                  uint64            // rows that were evicted before a tail had seen them

	// Of metrics only: the distinct series held, the bytes that these take
	// (within Bytes), the series dropped with their last point, and the distinct
	// names of the attributes of series and resources.
	Series, SeriesBytes, EvictedSeries, Labels uint64
}

// Stats returns the figures of logs, traces, metrics and profiles, in this order.
func (s *Store) Stats() []Stats {
	return []Stats{s.events.stats(), s.spans.stats(), s.points.stats(), profileStats(s.profiles.Store)}
}

// QueryEvents returns one page of log records. The error is the context's, or a
// *model.FieldError for a cursor of another store.
func (s *Store) QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error) {
	page, err := queryPage(ctx, s, s.events, q.Paging, eventMatcher(q), segment.EventHint(&q))
	for i := range page.Rows {
		s.Identify(&page.Rows[i])
	}
	return page, err
}

// EventByID returns the log record with the id that a query gave it; false if
// it was never stored, or is evicted. Of several records that brought the same
// id along, it is the newest.
func (s *Store) EventByID(ctx context.Context, id string) (model.Event, bool, error) {
	if err := ctx.Err(); err != nil {
		return model.Event{}, false, err
	}
	event, found := s.events.byUID(id)
	if !found {
		var epoch uint32
		var seq uint64
		if _, err := fmt.Sscanf(id, "%08x-%x", &epoch, &seq); err != nil || s.eventID(seq) != id {
			return model.Event{}, false, nil
		}
		event, found = s.events.bySeq(seq)
	}
	if found {
		s.Identify(&event)
	}
	return event, found, nil
}
