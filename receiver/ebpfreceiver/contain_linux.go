// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"time"

	"go.uber.org/zap"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

// attach attaches a probe. One that panics is missing.
func (w *watch) attach(p probe.Probe) (gaps []kernel.Gap) {
	if err := panics.Catch(func() { gaps = p.Attach(w.kernel) }); err != nil {
		w.recovered(nil, err)
		return []kernel.Gap{kernel.Missing(p.Name(), "probe", err)}
	}
	return gaps
}

// attachAll attaches the probes, and decodes what those before send meanwhile.
func (w *watch) attachAll() (gaps []kernel.Gap) {
	s := &spool{reader: w.reader, limit: spoolFactor * int(w.config.RingBufferSize)}
	for _, p := range w.probes {
		if err := s.while(func() { gaps = append(gaps, w.attach(p)...) }); err != nil {
			w.recovered(nil, err)
		}
		w.byKind[p.Number()] = p
		w.batch.Now, w.batch.Clock = time.Now(), w.kernel.Clock()
		s.each(func(record []byte) {
			w.decode(record)
			if w.records++; w.full() {
				w.flush()
			}
		})
		w.drain()
	}
	return gaps
}

// contained lets a probe do something. A panic is the error of that.
func (w *watch) contained(p probe.Probe, do func(probe.Probe) error) (err error) {
	if panicked := panics.Catch(func() { err = do(p) }); panicked != nil {
		w.recovered(p, panicked)
		return panicked
	}
	return err
}

// recovered counts a panic, logs its stack once, and lets its probe, nil for none,
// drop its state.
func (w *watch) recovered(p probe.Probe, err error) {
	if stack := w.panics.Add(err); stack != "" {
		w.logger.Error("recovered from a panic in the ebpf receiver", zap.Error(err), zap.String("stack", stack))
	}
	if f, ok := p.(protocol.Forgetter); ok {
		if again := panics.Catch(f.Forget); again != nil {
			w.panics.Add(again)
		}
	}
	if w.onPanic != nil {
		w.onPanic(err)
	}
}

// restart makes the reading loop ready to run again after a panic: what it gathered
// may be incomplete.
func (w *watch) restart(err error) {
	w.recovered(nil, err)
	w.batch.Reset()
	w.records = 0
}
