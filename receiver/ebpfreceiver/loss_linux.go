// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// err describes what was lost, and what to do.
func (l *loss) err() error {
	var errs []error
	if l.records > 0 {
		errs = append(errs, fmt.Errorf("the ring buffer was full, %d records of the kernel were lost: raise ring_buffer_size, "+
			"switch off a probe, or make the pipelines faster", l.records))
	}
	for _, what := range slices.Sorted(maps.Keys(l.full)) {
		errs = append(errs, fmt.Errorf("%s: %d were not counted, the map was full: see otelcol_tapio_ebpf_lost", what, l.full[what]))
	}
	return errors.Join(errs...)
}

// loss is what was lost since the last report.
type loss struct {
	records uint64            // did not fit into the ring buffer
	full    map[string]uint64 // did not fit into a map or table, by probe and stage
}

func (l *loss) any() bool { return l.records > 0 || len(l.full) > 0 }

// total is the number of all losses.
func (l *loss) total() uint64 {
	n := l.records
	for _, full := range l.full {
		n += full
	}
	return n
}

func (l *loss) since(before *loss) loss {
	grown := loss{records: l.records - before.records, full: map[string]uint64{}}
	for what, n := range l.full {
		if more := n - before.full[what]; more > 0 {
			grown.full[what] = more
		}
	}
	return grown
}

// reportLoss reports losses to onLoss; exact figures are in the metrics.
func (w *watch) reportLoss() {
	now := loss{full: map[string]uint64{}}
	for _, p := range w.probes {
		account, err := w.kernel.Account(p.Number())
		if err != nil {
			w.logger.Warn("failed to read the account of the ring buffer", zap.Error(err))
			return
		}
		now.records += account.Lost
		if loser, ok := p.(probe.Loser); ok {
			for stage, n := range loser.Lost() {
				if strings.HasSuffix(stage, "_full") {
					now.full[p.Name()+" "+stage] = n
				}
			}
		}
	}
	if w.onLoss != nil {
		w.onLoss(now.since(&w.lost))
	}
	w.lost = now
}
