// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"os"
	"os/signal"
	"syscall"
)

// processEnd distinguishes a final shutdown from a reload of the configuration. The
// collector shuts its components down alike for both, and ends if one fails to; so
// a store that cannot be written may fail only where its records are lost anyway.
type processEnd struct{ signals chan os.Signal }

// watch begins to look for the signals that end the process. It is called when the
// collector has started: until then such a signal may end the process by default, and
// a subscription would keep it from that.
func (p *processEnd) watch() {
	p.signals = make(chan os.Signal, 1)
	signal.Notify(p.signals, syscall.SIGTERM, syscall.SIGINT)
}

// pending reports whether one came. The watch goes on.
func (p *processEnd) pending() bool { return len(p.signals) > 0 }

// received reports whether one came, and ends the watch.
func (p *processEnd) received() bool {
	if p.signals == nil {
		return false
	}
	signal.Stop(p.signals)
	select {
	case <-p.signals:
		return true
	default:
		return false
	}
}
