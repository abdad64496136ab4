// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// utterance is what a client or a server says, and when.
type utterance struct {
	at       time.Time
	question bool
	text     string
}

// crowd is a client whose threads share the connection: each asks when it likes, and
// the server answers one after the other, some slowly.
func (w *world) crowd(n int) {
	w.slide(4) // that it does not wait is seen before the first loss
	var said []utterance
	asked, answered := w.clock, w.clock
	for range n {
		asked = asked.Add(w.upTo(5 * time.Millisecond))
		if w.IntN(3) == 0 {
			asked = asked.Add(w.upTo(400 * time.Millisecond))
		}
		if answered.Before(asked) {
			answered = asked
		}
		answered = answered.Add(time.Millisecond + w.upTo(2*time.Millisecond))
		if w.IntN(25) == 0 {
			answered = answered.Add(w.upTo(time.Second))
		}
		text, id := w.ask()
		said = append(said, utterance{asked, true, text}, utterance{answered, false, w.answer(w.Rand, id)})
	}
	slices.SortStableFunc(said, func(a, b utterance) int { return a.at.Compare(b.at) })
	for _, u := range said {
		if u.at.After(w.clock) {
			w.clock = u.at
		}
		w.say(u.question, u.text)
	}
}

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.Int64N(int64(d))) }

func TestPairingResumesAtRestsOfAClientThatDoesNotWait(t *testing.T) {
	for name, l := range map[string]language{"redis": redisLanguage(), "postgresql": postgresLanguage()} {
		t.Run(name, func(t *testing.T) {
			asked, paired, after := 0, 0, 0
			for seed := range uint64(600) {
				w := newWorld(seed, 3, l)
				w.crowd(80)
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
