//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"os"
	"testing"
	"time"
)

// scenario is one way in which the shop breaks.
type scenario struct {
	payment []string // further arguments of its
	orders  []string
	exact   int // requests a second above which spans are sampled; 0: the default
	prepare func(*testing.T, *live)
	fault   func(*testing.T, *live)
	cause   string   // service
	says    []string // all of these stand in the insights
}

// kernelScenarios are the ways by name, which the names of its services begin with.
func kernelScenarios() map[string]scenario {
	return map[string]scenario{
		"oom": {
			fault: func(t *testing.T, l *live) {
				l.limit(t, memoryLimit(64<<20))
				l.command(t, "payment", "eat")
			},
			cause: "payment", says: []string{"out of memory", "64.0 MiB"},
		},
		"refused": {
			fault: func(_ *testing.T, l *live) { l.started["payment"].stop() },
			cause: "payment", says: []string{"refused connections", "127.0.0.1:8003", "refused-orders"},
		},
		"crash": {
			fault: func(t *testing.T, l *live) {
				l.started["payment"].stop()
				l.crashing(t)
			},
			cause: "payment", says: []string{"exits with an error", "exit code 2", "refuses connections"},
		},
		"hog": {
			payment: []string{"-work", "10ms"},
			fault: func(t *testing.T, l *live) {
				l.limit(t, cpuLimit(40))
				l.start(t, "backup", true, "-burn", "2")
			},
			cause: "backup", says: []string{"throttled", "hog-payment must wait"},
		},
		"disk": {
			payment: []string{"-disk", "/var/tmp/tapio-scenario-disk"},
			prepare: func(t *testing.T, _ *live) {
				t.Cleanup(func() { _ = os.Remove("/var/tmp/tapio-scenario-disk") })
			},
			fault: func(t *testing.T, l *live) { l.limit(t, diskLimit(t, "/var/tmp", 6144)) },
			cause: "payment", says: []string{"waiting for its disk", "pwrite64"},
		},
		"loss": {
			payment: []string{"-listen", farAddress + ":8003"},
			orders:  []string{"-calls", "http://" + farAddress + ":8003/pay"},
			prepare: func(t *testing.T, l *live) { l.wire = l.putAway(t, "payment") },
			fault:   func(_ *testing.T, l *live) { l.wire.lose.Store(25) },
			cause:   "payment", says: []string{"packets between loss-orders and loss-payment get lost"},
		},
		"delay": {
			payment: []string{"-listen", farAddress + ":8003"},
			orders:  []string{"-calls", "http://" + farAddress + ":8003/pay"},
			prepare: func(t *testing.T, l *live) { l.wire = l.putAway(t, "payment") },
			fault:   func(_ *testing.T, l *live) { l.wire.delay.Store(int64(100 * time.Millisecond)) },
			cause:   "payment", says: []string{"network between delay-orders and delay-payment"},
		},
		"sampledfailures": {
			exact: 10,
			fault: func(t *testing.T, l *live) { l.command(t, "payment", "fail") },
			cause: "payment", says: []string{"sampledfailures-payment"},
		},
		"sampledslow": {
			exact: 10,
			fault: func(t *testing.T, l *live) { l.command(t, "payment", "slow 300ms") },
			cause: "payment", says: []string{"sampledslow-payment"},
		},
		"dns": {
			orders:  []string{"-calls", "http://payment.shop.test:8003/pay", "-resolver", "127.0.0.1:53"},
			prepare: func(t *testing.T, l *live) { l.start(t, "names", false, "-names", "127.0.0.1:53") },
			fault:   func(t *testing.T, l *live) { l.command(t, "names", "fail") },
			cause:   "orders", says: []string{"cannot resolve payment.shop.test", "SERVFAIL"},
		},
	}
}
