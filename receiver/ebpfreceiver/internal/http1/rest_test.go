// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/pairingtest"
)

// shareConnection adds n exchanges of a client whose threads share the connection.
func (w *world) shareConnection(n int) {
	w.slide(4) // that it does not wait is seen before the first loss
	messages := pairingtest.SharedConnection(w.Rand, w.clock, n, func() (request, response string) {
		text, id := w.request()
		return text, w.response(id)
	})
	for _, m := range messages {
		if m.At.After(w.clock) {
			w.clock = m.At
		}
		w.say(m.Request, m.Text)
	}
}

func TestPairingResumesAtRestsOfAClientThatDoesNotWait(t *testing.T) {
	asked, paired, after := 0, 0, 0
	for seed := range uint64(600) {
		w := newWorld(rand.New(rand.NewPCG(seed, 3)))
		w.readable = true
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
	t.Logf("of %d requests %d were paired; %d of 300 connections were reported again after a loss", asked, paired, after)
	assert.Greater(t, after, 120, "connections that are reported again after a loss")
}

// A connection of a server whose threads report the end of a response after the next
// request is one of a client that waits.
func TestTheOrderOfReportsMakesNoClientImpatient(t *testing.T) {
	var conn Conn
	at := time.Unix(1000, 0)
	piece := func(sent bool, seq uint32, text string, other uint32) *Piece {
		at = at.Add(time.Millisecond)
		return &Piece{Time: at, Sent: sent, Seq: seq, Length: len(text), Data: []byte(text), Other: other, OtherKnown: true, First: seq == 0}
	}
	request, head, body := "GET /a HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok"
	q, a := uint32(len(request)), uint32(len(head)+len(body))
	seen := len(conn.Take(piece(false, 0, request, 0)))
	seen += len(conn.Take(piece(true, 0, head, q)))
	seen += len(conn.Take(piece(false, q, request, a)))                  // the client has the body by now
	seen += len(conn.Take(piece(true, uint32(len(head)), body, 2*q)))    // and here is the report of it
	seen += len(conn.Take(piece(true, a, head+body, 2*q)))               // the second response
	seen += len(conn.Take(piece(false, 5*q, request, 4*a)))              // after a loss of both
	seen += len(conn.Take(piece(true, 4*a, head+body, 6*q)))             //
	assert.Equal(t, 2, seen)                                             //
	seen += len(conn.Take(piece(false, 6*q, request, 5*a)))              // the client waits, so this one is certain
	seen += len(conn.Take(piece(true, 5*a, head+body, 7*q)))             //
	assert.Equal(t, 3, seen, "it is paired again with the next request") //
}
