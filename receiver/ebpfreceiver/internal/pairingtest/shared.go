// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package pairingtest generates traffic for tests of the pairing of requests with responses.
package pairingtest

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Message is what one end of a connection sends.
type Message struct {
	At      time.Time
	Request bool
	Text    string
}

// SharedConnection returns n exchanges, from start on, of a client whose threads share a
// connection: each sends requests without waiting for the responses to those of others.
// The server answers one request after the other, some slowly. The texts are those that
// exchange returns.
func SharedConnection(r *rand.Rand, start time.Time, n int, exchange func() (request, response string)) []Message {
	upTo := func(d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }
	var messages []Message
	asked, answered := start, start
	for range n {
		asked = asked.Add(upTo(5 * time.Millisecond))
		if r.IntN(3) == 0 {
			asked = asked.Add(upTo(400 * time.Millisecond))
		}
		if answered.Before(asked) {
			answered = asked
		}
		answered = answered.Add(time.Millisecond + upTo(2*time.Millisecond))
		if r.IntN(25) == 0 {
			answered = answered.Add(upTo(time.Second))
		}
		request, response := exchange()
		messages = append(messages, Message{asked, true, request}, Message{answered, false, response})
	}
	slices.SortStableFunc(messages, func(a, b Message) int { return a.At.Compare(b.At) })
	return messages
}
