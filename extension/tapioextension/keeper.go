// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/internal/store"
)

// keptStores outlives a reload of the configuration. The collector builds every
// factory anew then, so nothing but the package itself lives long enough: this
// is the one package-level value of the product (docs/adr/0003-store-shape.md).
var keptStores = newStoreKeeper()

// reclaimWithin is how long a store waits for the configuration to come back; a
// reload takes far less. After it, the extension was removed for good.
const reclaimWithin = time.Minute

// storeKeeper hands each extension its store, and keeps it between the shutdown
// of one configuration and the start of the next.
type storeKeeper struct {
	mu   sync.Mutex
	held map[component.ID]*heldStore
}

// heldStore is what outlives a reload: the store, and with it the registered
// collectors and the batches that were seen, for their senders notice nothing of
// a reload either.
type heldStore struct {
	store   *store.Store
	fleet   *fleet.Registry
	seen    *dedup.Window
	claimed bool
	drop    *time.Timer // runs while the store is unclaimed
}

func newStoreKeeper() *storeKeeper {
	return &storeKeeper{held: map[component.ID]*heldStore{}}
}

// claim returns what is kept of that extension, or new, under the limits that
// are configured.
func (k *storeKeeper) claim(id component.ID, cfg *Config) (*heldStore, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	held, found := k.held[id]
	if !found {
		held = &heldStore{
			store: store.New(cfg.Store.limits(), time.Now),
			fleet: fleet.New(cfg.Collectors.limits(), time.Now),
			seen:  dedup.New(int(cfg.Limits.DuplicateWindow)),
		}
		k.held[id] = held
	}
	if held.claimed {
		return nil, fmt.Errorf("the store of %q is in use by another collector in this process", id)
	}
	held.claimed = true
	if held.drop != nil {
		held.drop.Stop()
		held.drop = nil
	}
	held.store.SetLimits(cfg.Store.limits())
	held.fleet.SetLimits(cfg.Collectors.limits())
	held.seen.Resize(int(cfg.Limits.DuplicateWindow))
	return held, nil
}

// release keeps the store for the next configuration.
func (k *storeKeeper) release(id component.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	held, found := k.held[id]
	if !found {
		return
	}
	held.claimed = false
	held.drop = time.AfterFunc(reclaimWithin, func() { k.forget(id, held) })
}

func (k *storeKeeper) forget(id component.ID, held *heldStore) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held[id] == held && !held.claimed {
		delete(k.held, id)
	}
}
