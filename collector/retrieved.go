// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/confmap"
)

// retrievals remembers what the providers returned for the configuration that
// runs, by URI, so that it can be started again after its source has changed.
type retrievals struct {
	mu      sync.Mutex
	running map[string]*confmap.Retrieved // of the configuration that started last
	latest  map[string]*confmap.Retrieved // since then
	replay  bool
}

// begin makes ready for the next collector; replay answers with what started last
// until keep.
func (r *retrievals) begin(replay bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest, r.replay = map[string]*confmap.Retrieved{}, replay
}

// keep is called when a configuration has started.
func (r *retrievals) keep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replay = false
	if len(r.latest) > 0 {
		r.running, r.latest = r.latest, map[string]*confmap.Retrieved{}
	}
}

func (r *retrievals) replayed(uri string) (*confmap.Retrieved, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept, found := r.running[uri]
	if !r.replay || !found {
		return nil, false
	}
	r.latest[uri] = kept
	return kept, true
}

func (r *retrievals) add(uri string, retrieved *confmap.Retrieved) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.latest[uri] = retrieved
}

// remembering returns factories of providers that remember in r.
func (r *retrievals) remembering(factories []confmap.ProviderFactory) []confmap.ProviderFactory {
	wrapped := make([]confmap.ProviderFactory, len(factories))
	for i, factory := range factories {
		wrapped[i] = confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider {
			return rememberingProvider{Provider: factory.Create(set), retrievals: r}
		})
	}
	return wrapped
}

type rememberingProvider struct {
	confmap.Provider
	retrievals *retrievals
}

// Retrieve implements confmap.Provider. A value that is kept is returned again as
// it is: the providers of the distributions hold nothing open for theirs.
func (p rememberingProvider) Retrieve(ctx context.Context, uri string, watcher confmap.WatcherFunc) (*confmap.Retrieved, error) {
	if kept, found := p.retrievals.replayed(uri); found {
		return kept, nil
	}
	retrieved, err := p.Provider.Retrieve(ctx, uri, watcher)
	if err == nil {
		p.retrievals.add(uri, retrieved)
	}
	return retrieved, err
}
