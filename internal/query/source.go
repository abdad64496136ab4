// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// Sources collects which tiers an answer is read from. It is safe for concurrent use.
type Sources struct {
	mu    sync.Mutex
	names map[string]struct{}
}

type sourcesKey struct{}

// WithSources returns a context under which readers report with AddSource.
func WithSources(ctx context.Context) (context.Context, *Sources) {
	sources := &Sources{names: map[string]struct{}{}}
	return context.WithValue(ctx, sourcesKey{}, sources), sources
}

// AddSource reports that a tier answered a call. Without WithSources it does nothing.
func AddSource(ctx context.Context, name string) {
	if sources, ok := ctx.Value(sourcesKey{}).(*Sources); ok {
		sources.mu.Lock()
		defer sources.mu.Unlock()
		sources.names[name] = struct{}{}
	}
}

// List returns the names in their order, nil for none.
func (s *Sources) List() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.names))
}
