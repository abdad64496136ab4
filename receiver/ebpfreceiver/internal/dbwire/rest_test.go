// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/pairingtest"
)

// shareConnection adds n exchanges of a client whose threads share the connection.
func (w *world) shareConnection(n int) {
	w.slide(4) // that it does not wait is seen before the first loss
	messages := pairingtest.SharedConnection(w.Rand, w.clock, n, func() (request, response string) {
		text, id := w.ask()
		return text, w.answer(w.Rand, id)
	})
	for _, m := range messages {
		if m.At.After(w.clock) {
			w.clock = m.At
		}
		w.say(m.Request, m.Text)
	}
}

func TestPairingResumesAtRestsOfAClientThatDoesNotWait(t *testing.T) {
	for name, l := range map[string]language{"redis": redisLanguage(), "postgresql": postgresLanguage()} {
		t.Run(name, func(t *testing.T) {
			asked, paired, after := 0, 0, 0
			for seed := range uint64(600) {
				w := newWorld(seed, 3, l)
				w.shareConnection(80)
				pieces := w.damage()
				if seed%2 == 0 { // one loss, and none later
					pieces = append(slices.Clone(w.pieces[:w.settle]), w.pieces[w.settle+2+w.IntN(5):]...)
				}
				t.Run("", func(t *testing.T) {
					n := w.check(t, pieces)
					paired += n
					if seed%2 == 0 && n > 10 {
						after++
					}
				})
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
				asked += w.n
			}
			t.Logf("of %d calls %d were paired; %d of 300 connections were reported again after a loss", asked, paired, after)
			assert.Greater(t, after, 200, "connections that are reported again after a loss")
		})
	}
}
