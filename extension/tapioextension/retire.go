// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"time"
)

// retire drops aged records even when nothing is written, and keeps the heap to
// its bound.
func (e *tapioExtension) retire(ctx context.Context) {
	aged, aim := time.NewTicker(retireEvery(e.cfg.Store.MaxAge)), time.NewTicker(aimEvery)
	mark, pace := time.NewTicker(markEvery), time.NewTicker(paceEvery)
	defer pace.Stop()
	defer aged.Stop()
	defer aim.Stop()
	defer mark.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-aged.C:
			e.store.Retire()
		case <-pace.C:
			e.stores.pace()
		case <-mark.C:
			e.api.MarkReaders()
		case <-aim.C:
			e.stores.refresh()
			e.panics.report(e.host, time.Now())
		}
	}
}
