// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

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
	mu     sync.Mutex
	held   map[component.ID]*heldStore
	memory memoryTarget
}

// heldStore is what outlives a reload: the store, and with it the registered
// collectors and the batches that were seen, for their senders notice nothing of
// a reload either.
type heldStore struct {
	store     *store.Store
	directory string
	logger    atomic.Pointer[zap.Logger] // of the latest claim
	fleet     *fleet.Registry
	seen      *dedup.Window
	memory    int64 // that the latest claim allows
	claimed   bool
	drop      *time.Timer // runs while the store is unclaimed
}

func newStoreKeeper() *storeKeeper {
	return &storeKeeper{held: map[component.ID]*heldStore{}, memory: memoryTarget{lookup: os.LookupEnv, root: "/"}}
}

// claim returns what is kept of that extension, or new, under the limits that
// are configured. Another directory is another store: the kept one is given up
// then, with what it has in memory only.
func (k *storeKeeper) claim(id component.ID, cfg *Config, logger *zap.Logger) (*heldStore, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	held := k.held[id]
	if held != nil && held.claimed {
		return nil, fmt.Errorf("the store of %q is in use by another collector in this process", id)
	}
	if held != nil && held.directory != cfg.Store.Directory {
		held.drop.Stop()
		held.store.Close()
		delete(k.held, id)
		held = nil
	}
	if held == nil {
		var err error
		if held, err = openStore(cfg, logger); err != nil {
			return nil, fmt.Errorf("extensions::%s::%w", id, err)
		}
		k.held[id] = held
	}
	held.claimed, held.memory = true, int64(cfg.Store.MemoryLimit)
	k.aimMemory()
	held.logger.Store(logger)
	if held.drop != nil {
		held.drop.Stop()
		held.drop = nil
	}
	held.store.SetLimits(cfg.Store.limits())
	held.store.Resume(cfg.Store.durability(), cfg.Store.limits())
	held.fleet.SetLimits(cfg.Collectors.limits())
	held.seen.Resize(int(cfg.Limits.DuplicateWindow))
	return held, nil
}

// aimMemory sets the runtime for the stores in use. The caller holds the lock.
func (k *storeKeeper) aimMemory() {
	var stores int64
	for _, held := range k.held {
		if held.claimed {
			stores += held.memory
		}
	}
	k.memory.aim(stores)
}

// refresh follows what is resident of the program, which grows as it runs.
func (k *storeKeeper) refresh() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.aimMemory()
}

// openStore makes a store, with what its directory holds if it has one.
func openStore(cfg *Config, logger *zap.Logger) (*heldStore, error) {
	held := &heldStore{
		directory: cfg.Store.Directory,
		fleet:     fleet.New(cfg.Collectors.limits(), time.Now),
		seen:      dedup.New(int(cfg.Limits.DuplicateWindow)),
	}
	if held.directory == "" {
		held.store = store.New(cfg.Store.limits(), time.Now)
		return held, nil
	}
	held.logger.Store(logger)
	begun := time.Now()
	var err error
	held.store, err = store.Open(cfg.Store.limits(), time.Now, store.DirectoryOptions{
		Path: held.directory, Durability: cfg.Store.durability(), Report: held.report,
	})
	if err != nil {
		return nil, err
	}
	logger.Info("The store's directory is read", zap.String("directory", held.directory),
		zap.Uint64("bytes", held.store.Directory().Bytes), zap.Duration("took", time.Since(begun)))
	return held, nil
}

// report logs a trouble of the directory, or its end.
func (h *heldStore) report(problem string, err error) {
	if err == nil {
		h.logger.Load().Info(problem)
		return
	}
	h.logger.Load().Warn(problem, zap.Error(err))
}

// release keeps the store for the next configuration. An error means that records
// could not be written to the directory, and are lost if no configuration comes:
// whether one does cannot be known.
func (k *storeKeeper) release(id component.ID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	held, found := k.held[id]
	if !found {
		return nil
	}
	err := held.store.Checkpoint()
	if err != nil {
		held.report("failed to write the store to its directory", err)
		err = fmt.Errorf("extensions::%s::%w", id, err)
	}
	held.claimed = false
	k.aimMemory()
	held.drop = time.AfterFunc(reclaimWithin, func() { k.forget(id, held) })
	return err
}

func (k *storeKeeper) forget(id component.ID, held *heldStore) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held[id] == held && !held.claimed {
		held.store.Close()
		delete(k.held, id)
	}
}
