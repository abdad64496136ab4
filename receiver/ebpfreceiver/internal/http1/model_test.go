// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// world is a client and a server that speak over one connection, and what one of
// the ends is seen to do. Each response is distinguished from all others by its status.
type world struct {
	*rand.Rand
	server bool // the end that is watched
	pieces []Piece
	seq    [2]uint32
	origin [2]uint32
	clock  time.Time
	n      int            // requests so far
	wrote  map[string]int // status by target
	settle int            // pieces before anything may be lost
	// clean asks for no head that is too long or malformed; readable, for none yet.
	clean, readable bool
}

// style is how a client takes turns.
type style int

const (
	oneByOne  style = iota // waits for each answer
	inBatches              // asks several things, and waits for all answers
	sliding                // asks on while answers come
)

func newWorld(r *rand.Rand) *world {
	w := &world{Rand: r, server: r.IntN(2) == 0, clock: time.Unix(1000, 0), wrote: map[string]int{}}
	w.seq = [2]uint32{r.Uint32(), r.Uint32()}
	w.origin = w.seq
	return w
}

// say makes pieces of the bytes, cut anywhere.
func (w *world) say(request bool, text string) {
	sent := request != w.server
	for len(text) > 0 {
		n := len(text)
		if w.IntN(3) == 0 {
			n = 1 + w.IntN(len(text))
		}
		w.clock = w.clock.Add(time.Millisecond)
		at, other := indexOf(sent), indexOf(!sent)
		w.pieces = append(w.pieces, Piece{
			Time: w.clock, Sent: sent, Seq: w.seq[at], Length: n, Data: []byte(text[:n]), Tail: []byte(text[max(0, n-8):n]),
			Other: w.seq[other], OtherKnown: true, First: w.seq[at] == w.origin[at],
		})
		w.seq[at] += uint32(n)
		text = text[n:]
	}
}

// content is what a body holds, which may look like anything.
func (w *world) content() string {
	kinds := []string{"", "x", "0\r\n\r\n", "HTTP/1.1 500 Oh\r\n\r\n", "GET /body HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", strings.Repeat("y", 3000)}
	text := ""
	for range w.IntN(4) {
		text += kinds[w.IntN(len(kinds))]
	}
	return text
}

func (w *world) request() (text string, id int) {
	id, w.n = w.n, w.n+1
	target := fmt.Sprintf("/%d", id)
	w.wrote[target] = statusOf(id)
	filler := ""
	if w.IntN(8) == 0 {
		filler = "X: " + strings.Repeat("z", w.IntN(w.longest())) + "\r\n"
	}
	switch w.IntN(4) {
	case 0:
		body := w.content()
		return fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", target, filler, len(body), body), id
	case 1:
		return fmt.Sprintf("PUT %s HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\n\r\n%s", target, filler, w.chunked()), id
	case 2:
		return fmt.Sprintf("PROPFIND %s HTTP/1.1\r\n%s\r\n", target, filler), id
	}
	return fmt.Sprintf("GET %s HTTP/1.1\r\n%s\r\n", target, filler), id
}

func (w *world) chunked() string {
	text := ""
	for range w.IntN(4) {
		if c := w.content(); c != "" {
			text += fmt.Sprintf("%x\r\n%s\r\n", len(c), c)
		}
	}
	if w.IntN(4) == 0 {
		return text + "0\r\nTrailer: t\r\n\r\n"
	}
	return text + "0\r\n\r\n"
}

// longest field.
func (w *world) longest() int {
	if w.readable {
		return MaxHead - 200
	}
	return MaxHead + 4000
}

func statusOf(id int) int { return 400 + id }

func (w *world) response(id int) string {
	text := ""
	if w.IntN(6) == 0 {
		text = "HTTP/1.1 103 Early Hints\r\n\r\n"
	}
	filler := ""
	switch n := w.IntN(12); {
	case n == 0:
		filler = "X: " + strings.Repeat("z", w.IntN(w.longest())) + "\r\n"
	case n == 1 && !w.readable:
		filler = "this is no field\r\n"
	case n == 2:
		filler = "Folded: a\r\n b\r\n"
	}
	if w.IntN(2) == 0 {
		return text + fmt.Sprintf("HTTP/1.1 %d X\r\n%sTransfer-Encoding: chunked\r\n\r\n%s", statusOf(id), filler, w.chunked())
	}
	body := w.content()
	return text + fmt.Sprintf("HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s", statusOf(id), filler, len(body), body)
}

func (w *world) talk(how style) {
	// That a client asks in the midst of answers must have been seen before the
	// first loss; until then it is taken for one that waits.
	w.readable = w.clean || how == sliding
	for range 3 + w.IntN(8) {
		switch how {
		case oneByOne:
			text, id := w.request()
			w.say(true, text)
			w.say(false, w.response(id))
		case inBatches:
			w.batch(1 + w.IntN(3))
		case sliding:
			w.slide(3 + w.IntN(4))
		}
	}
}

func (w *world) batch(n int) {
	questions, answers := "", ""
	for range n {
		text, id := w.request()
		questions += text
		answers += w.response(id)
	}
	w.say(true, questions)
	w.say(false, answers)
}

// slide keeps two requests outstanding.
func (w *world) slide(n int) {
	text, eldest := w.request()
	w.say(true, text)
	for i := range n {
		text, id := w.request()
		w.say(true, text)
		w.say(false, w.response(eldest))
		eldest = id
		if i == 2 && w.settle == 0 {
			w.settle, w.readable = len(w.pieces), w.clean
		}
	}
	w.say(false, w.response(eldest))
}

// damage loses ranges of bytes: pieces that are not reported, and ends of pieces
// that are not copied.
func (w *world) damage() (left []Piece) {
	skip := 0
	for i, p := range w.pieces {
		if i >= w.settle {
			if w.IntN(10) == 0 {
				skip = 1 + w.IntN(3)
			}
			if skip > 0 {
				skip--
				continue
			}
			if w.IntN(8) == 0 {
				p.Data = p.Data[:w.IntN(len(p.Data)+1)]
			}
			if w.IntN(16) == 0 {
				p.Tail = nil
			}
		}
		left = append(left, p)
	}
	return left
}

// check follows the pieces. No exchange may have the response of another one, none
// may have failed, and all that are certain must be there.
func (w *world) check(t *testing.T, pieces []Piece) (paired int) {
	t.Helper()
	var conn Conn
	verify := func(exchanges []*Exchange) {
		for _, e := range exchanges {
			want, asked := w.wrote[e.Request.Target]
			if !asked || e.Cut || e.Response.Status != want {
				t.Fatalf("%s %s was answered %d (cut %v), and %d was reported", e.Request.Method, e.Request.Target, want, e.Cut, e.Response.Status)
			}
			paired++
		}
	}
	for i := range pieces {
		verify(conn.Take(&pieces[i]))
	}
	verify(conn.Close(&End{Time: w.clock, Next: w.seq, Known: true}))
	return paired
}

// Without losses every request is paired, however its client takes turns.
func TestEveryRequestIsPairedWithoutLosses(t *testing.T) {
	for seed := range uint64(600) {
		w := newWorld(rand.New(rand.NewPCG(seed, 2)))
		w.clean = true
		w.talk(style(seed % 3))
		if got := w.check(t, w.pieces); got != w.n {
			t.Fatalf("seed %d: %d of %d requests were paired", seed, got, w.n)
		}
	}
}

func TestNoLossPairsARequestWithTheResponseOfAnother(t *testing.T) {
	const runs = 3000
	var asked, paired [3]int
	for seed := range uint64(runs) {
		how := style(seed % 3)
		w := newWorld(rand.New(rand.NewPCG(seed, 1)))
		w.talk(how)
		t.Run("", func(t *testing.T) {
			paired[how] += w.check(t, w.damage())
		})
		if t.Failed() {
			t.Fatalf("seed %d, style %d", seed, how)
		}
		asked[how] += w.n
	}
	// A client that asks in the midst of answers gives no point to resume at.
	if paired[oneByOne]*3 < asked[oneByOne] || paired[inBatches]*4 < asked[inBatches] {
		t.Errorf("of %v requests only %v were paired", asked, paired)
	}
	t.Logf("requests by style %v, paired in spite of losses %v", asked, paired)
}
