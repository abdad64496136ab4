// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/extension/tapioextension/internal/incidents"
	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
	"github.com/tapio/tapio/internal/archive"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/recordmetrics"
	"github.com/tapio/tapio/internal/store"
)

// keptStores outlives a reload of the configuration. The collector builds every
// factory again then, so nothing but the package itself lives long enough: this
// is the one package-level value of the product (docs/adr/0003-store-shape.md).
var keptStores = newStoreKeeper()

// reclaimWithin is how long a store waits for the configuration to come back; a
// reload takes far less. After it, the extension was removed for good.
const reclaimWithin = time.Minute

// storeKeeper hands each extension its store, and keeps it between the shutdown
// of one configuration and the start of the next.
type storeKeeper struct {
	mu     sync.Mutex
	held   map[storeKey]*heldStore
	memory memoryTarget
}

// storeKey identifies a store: another directory is another store.
type storeKey struct {
	id        component.ID
	directory string // "" for none
}

// heldStore is what outlives a reload: the store, and with it the registered
// collectors and the batches that were seen, for their senders notice nothing of
// a reload either.
type heldStore struct {
	store    *store.Store
	logger   atomic.Pointer[zap.Logger] // of the latest claim
	fleet    *fleet.Registry
	seen     *dedup.Window
	journal  *notify.Journal
	slos     *slo.Tracker // nil until the first claim is complete
	counters *recordmetrics.Counters
	archived *archive.Positions
	// incidents holds the correlation engines, which go on after a reload.
	incidents *incidents.Watch
	// federation is the latest reader of members, whose tokens stay valid; nil without.
	federation *federation.Reader
	memory     int64 // that the latest claim allows
	claimed    bool
	drop       *time.Timer // runs while the store is unclaimed
}

func newStoreKeeper() *storeKeeper {
	return &storeKeeper{held: map[storeKey]*heldStore{}, memory: memoryTarget{lookup: os.LookupEnv, root: "/"}}
}

// claim returns what is kept of that extension, or new. The limits that are
// configured are in force from settle on: a configuration that does not start must
// not shrink what is kept for the one that is started again then.
func (k *storeKeeper) claim(id component.ID, cfg *Config, logger *zap.Logger) (*heldStore, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, held := range k.held {
		if key.id == id && held.claimed {
			return nil, fmt.Errorf("the store of %q is in use by another collector in this process", id)
		}
	}
	key := storeKey{id: id, directory: cfg.Store.Directory}
	held := k.held[key]
	if held == nil {
		var err error
		if held, err = openStore(cfg, logger); err != nil {
			return nil, fmt.Errorf("extensions::%s::%w", id, err)
		}
		k.held[key] = held
	}
	held.claimed, held.memory = true, int64(cfg.Store.MemoryLimit)
	k.aimMemory()
	held.logger.Store(logger)
	if held.drop != nil {
		held.drop.Stop()
		held.drop = nil
	}
	held.store.Resume(cfg.Store.durability(), cfg.Store.limits())
	return held, nil
}

// hasOther reports whether a store of the same extension under another directory is kept for a
// configuration that may come back.
func (k *storeKeeper) hasOther(id component.ID, directory string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key := range k.held {
		if key.id == id && key.directory != directory {
			return true
		}
	}
	return false
}

// settle is called once the configuration runs: its limits are in force, and a store
// of the configuration before, in another directory, is given up with what it has in
// memory only.
func (k *storeKeeper) settle(id component.ID, cfg *Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, held := range k.held {
		switch {
		case key.id != id:
		case !held.claimed:
			k.close(key, held)
		default:
			held.store.SetLimits(cfg.Store.limits())
			held.fleet.SetLimits(cfg.Collectors.limits())
			held.seen.Resize(int(cfg.Limits.DuplicateWindow))
			if held.slos != nil {
				held.slos.Settle()
			}
			held.counters.SetMost(cfg.RecordMetrics.most())
		}
	}
}

// close gives a store up. The caller holds the lock.
func (k *storeKeeper) close(key storeKey, held *heldStore) {
	if held.drop != nil {
		held.drop.Stop()
	}
	held.store.Close()
	delete(k.held, key)
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

// pace follows what the program allocates.
func (k *storeKeeper) pace() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.memory.pace(time.Now())
}

// openStore makes a store, with what its directory holds if it has one.
func openStore(cfg *Config, logger *zap.Logger) (*heldStore, error) {
	held := &heldStore{
		fleet:    fleet.New(cfg.Collectors.limits(), time.Now),
		seen:     dedup.New(int(cfg.Limits.DuplicateWindow)),
		counters: recordmetrics.New(cfg.RecordMetrics.most(), time.Now), incidents: incidents.New(),
		archived: archive.NewPositions(),
	}
	if cfg.Store.Directory == "" {
		held.store, held.journal = store.New(cfg.Store.limits(), time.Now), notify.NewJournal()
		return held, nil
	}
	held.logger.Store(logger)
	begun := time.Now()
	var err error
	held.store, err = store.Open(cfg.Store.limits(), time.Now, store.DirectoryOptions{
		Path: cfg.Store.Directory, Durability: cfg.Store.durability(), Report: held.report,
	})
	if err != nil {
		return nil, err
	}
	if err := held.openJournal(cfg.Store.Directory, logger); err != nil {
		held.store.Close()
		return nil, fmt.Errorf("store::directory: notifications: %w", err)
	}
	if held.archived, err = archive.OpenPositions(stateDirectory(cfg.Store.Directory)); err != nil {
		held.report("failed to read how far the archive is: records that are stored are archived again", err)
	}
	logger.Info("The store's directory is read", zap.String("directory", cfg.Store.Directory),
		zap.Uint64("bytes", held.store.Directory().Bytes), zap.Duration("took", time.Since(begun)))
	return held, nil
}

// stateDirectory is where the extension keeps what is not records.
func stateDirectory(directory string) string { return filepath.Join(directory, "state") }

func (h *heldStore) openJournal(directory string, logger *zap.Logger) error {
	journal, damaged, err := notify.OpenJournal(stateDirectory(directory))
	if damaged > 0 {
		logger.Warn("lines of the journal of notifications were damaged and are left out", zap.Int("lines", damaged))
	}
	h.journal = journal
	return err
}

// objectives returns the tracker of service level objectives, under the options that are
// configured now.
func (h *heldStore) objectives(directory string, options slo.Options) *slo.Tracker {
	if h.slos != nil {
		h.slos.Reconfigure(options)
		return h.slos
	}
	h.slos = slo.New(options)
	if directory != "" {
		if err := h.slos.Open(stateDirectory(directory)); err != nil {
			h.report("failed to read the counts of service level objectives, they begin again", err)
		}
	}
	return h.slos
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
	for key, held := range k.held {
		if key.id == id && held.claimed {
			return k.unclaim(key, held)
		}
	}
	return nil
}

// unclaim keeps a store until it is claimed again or reclaimWithin has passed. The
// caller holds the lock.
func (k *storeKeeper) unclaim(key storeKey, held *heldStore) error {
	err := held.store.Checkpoint()
	if err != nil {
		held.report("failed to write the store to its directory", err)
		err = fmt.Errorf("extensions::%s::%w", key.id, err)
	}
	held.claimed = false
	k.aimMemory()
	held.drop = time.AfterFunc(reclaimWithin, func() { k.forget(key, held) })
	return err
}

func (k *storeKeeper) forget(key storeKey, held *heldStore) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held[key] == held && !held.claimed {
		k.close(key, held)
	}
}
