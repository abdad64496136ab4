// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/profiles"
	"github.com/tapio/tapio/internal/store/symboltable"
)

// profileSteps is in how many steps the other signals give up memory for profiles.
const profileSteps = 8

// division divides the memory of the store among the signals. What profiles hold is
// taken from the parts of the others, so that a store without profiles has no less for
// them, and one with profiles no more in all.
type division struct {
	mu     sync.Mutex // guards what follows
	limits Limits
	taken  int64 // for profiles
}

// AppendProfiles stores profiles and takes over what they refer to; the slice itself is
// the caller's again. It returns how many samples were refused. An error means that not
// all are stored, as of AppendEvents.
func (s *Store) AppendProfiles(list []model.Profile) (refused int, err error) {
	refused, err = s.profiles.append(list)
	s.divide()
	return refused, appendFailure(err)
}

// RejectProfiles counts samples that were left out before they came to the store.
func (s *Store) RejectProfiles(rejections model.ProfileRejections) { s.profiles.Reject(rejections) }

// ListProfiles returns one page of profiles.
func (s *Store) ListProfiles(ctx context.Context, q model.ProfileQuery) (model.Page[model.ProfileInfo], error) {
	account := s.budget.Account(ctx)
	defer account.Close()
	return s.profiles.List(ctx, q, account.Change)
}

// newSymbols makes the tables of functions that name frames of profiles.
func newSymbols(of *profileLog, now func() time.Time) *symboltable.Store {
	symbols := symboltable.New(now)
	of.Resolve = symbols.Resolve
	return symbols
}

// openSymbols keeps the tables of functions in the directory.
func openSymbols(s *Store, d *directory) error {
	if err := s.symbols.Open(d.fs, filepath.Join(d.path, "symbols"), d.report); err != nil {
		return fmt.Errorf("store::directory: %w: it must be writable", err)
	}
	s.divide()
	return nil
}

// Symbols are the uploaded tables of functions of a store.
type Symbols struct{ store *Store }

// SymbolsOf returns the tables of functions of a store.
func SymbolsOf(s *Store) Symbols { return Symbols{s} }

// PutSymbols stores the functions of a binary, by which MergeProfiles and GroupProfiles name
// frames without a function; with more it adds them to those of the same build ID. It
// returns the build IDs that had to go.
func (y Symbols) PutSymbols(t *model.SymbolTable, more bool) (info model.SymbolTableInfo, evicted []string, err error) {
	info, evicted, err = y.store.symbols.Put(t, more)
	y.store.divide()
	var fault *model.FieldError
	if err != nil && !errors.As(err, &fault) {
		err = appendFailure(err)
	}
	return info, evicted, err
}

// ListSymbols describes the stored tables of functions, the newest first.
func (y Symbols) ListSymbols() []model.SymbolTableInfo { return y.store.symbols.List() }

// maxMerges is how many sums of profiles are made at once; others wait.
const maxMerges = 2

// MergeProfiles returns the sum of the selected samples.
func (s *Store) MergeProfiles(ctx context.Context, q model.ProfileQuery) (*model.CallTree, error) {
	return summed(ctx, s, func(take profiles.Take) (*model.CallTree, error) { return s.profiles.Merge(ctx, q, take) })
}

// GroupProfiles returns the sums of the selected samples by label or by trace.
func (s *Store) GroupProfiles(ctx context.Context, q model.ProfileGroupQuery) (model.ProfileGroups, error) {
	return summed(ctx, s, func(take profiles.Take) (model.ProfileGroups, error) { return s.profiles.Group(ctx, q, take) })
}

// summed makes a sum when one may be made, within the working memory of queries.
func summed[Sum any](ctx context.Context, s *Store, sum func(profiles.Take) (Sum, error)) (none Sum, err error) {
	select {
	case s.merges <- struct{}{}:
	case <-ctx.Done():
		return none, ctx.Err()
	}
	defer func() { <-s.merges }()
	account := s.budget.Account(ctx)
	defer account.Close()
	return sum(account.Change)
}

// TailProfiles returns a tail of the profiles behind a sequence.
func TailProfiles(s *Store, after uint64) *profiles.Tail {
	return profiles.NewTail(s.profiles.Store, after)
}

// divide gives to the other signals what profiles do not need.
func (s *Store) divide() {
	d := &s.division
	d.mu.Lock()
	defer d.mu.Unlock()
	if taken := d.forProfiles(s.profiles.Used() + s.symbols.Used()); taken != d.taken {
		d.taken = taken
		s.applyLimits()
	}
}

// forProfiles rounds up, so that not every batch moves the bounds of the others.
func (d *division) forProfiles(used int64) int64 {
	step := max(d.limits.Profiles/profileSteps, 1)
	return min((used+step-1)/step*step, max(d.limits.Profiles, 0)+max(d.limits.Symbols, 0))
}

// applyLimits puts the bounds of the other signals in force. The caller holds the lock.
func (s *Store) applyLimits() {
	limits, taken := s.division.limits, s.division.taken
	whole := max(limits.Logs, 0) + max(limits.Traces, 0) + max(limits.Metrics, 0)
	less := func(part int64) int64 {
		if taken == 0 || part <= 0 {
			return part
		}
		return max(part-int64(float64(taken)*float64(part)/float64(whole)), 1)
	}
	s.events.setLimits(less(limits.Logs), limits.MaxAge)
	s.spans.setLimits(less(limits.Traces), limits.MaxAge)
	s.points.setLimits(less(limits.Metrics), limits.MaxAge)
}

func profileStats(from *profiles.Store) Stats {
	s := from.Stats()
	return Stats{
		Signal: signalProfiles, Rows: s.Samples, Bytes: s.Bytes, Capacity: s.Capacity, Appended: s.Appended,
		Evicted: s.Evicted, Refused: s.Refused, Oldest: s.Oldest, Newest: s.Newest,
		FirstSeq: s.FirstSeq, LastSeq: s.LastSeq, Series: s.Series,
	}
}
