// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// language makes matching requests and replies: the reply to each is
// distinguished from the next one by its error.
type language struct {
	open     func() Conn
	question func(r *rand.Rand, id int) string
	answer   func(r *rand.Rand, id int) string
	code     func(id int) string
}

func redisLanguage() language {
	return language{
		open: func() Conn { return NewRedis(false) },
		question: func(r *rand.Rand, id int) string {
			value := strings.Repeat("*1\r\n$1\r\na\r\n", r.IntN(30))
			return fmt.Sprintf("*2\r\n$4\r\n%s\r\n$%d\r\n%s\r\n", operation(id), len(value), value)
		},
		answer: func(r *rand.Rand, id int) string {
			push := ""
			if r.IntN(5) == 0 {
				push = ">2\r\n+invalidate\r\n*1\r\n$1\r\na\r\n"
			}
			switch {
			case id%2 == 0:
				return push + fmt.Sprintf("-E%04d wrong\r\n", id)
			case r.IntN(2) == 0:
				n := r.IntN(40)
				return push + fmt.Sprintf("*%d\r\n", n) + strings.Repeat("$7\r\n-E\r\n+OK\r\n", n)
			}
			return push + "$9\r\n-ERR\r\n+OK\r\n"
		},
		code: errorOf,
	}
}

func postgresLanguage() language {
	return language{
		open: func() Conn { return NewPostgreSQL(false) },
		question: func(r *rand.Rand, id int) string {
			return message('Q', fmt.Sprintf("%s %s\x00", operation(id), strings.Repeat("Q", r.IntN(100))))
		},
		answer: func(r *rand.Rand, id int) string {
			rows := strings.Repeat(message('D', "Z\x00\x00\x00\x05I"), r.IntN(30))
			if id%2 == 0 {
				return rows + message('E', fmt.Sprintf("SERROR\x00C%s\x00Mno\x00\x00", errorOf(id))) + message('Z', "I")
			}
			return rows + message('C', "SELECT 1\x00") + message('Z', "I")
		},
		code: errorOf,
	}
}

// operation of the call; of one that was not copied whole it is not known.
func operation(id int) string {
	return string([]byte{'O', 'P', 'A' + byte(id/26), 'A' + byte(id%26)})
}

func idOf(operation string) int {
	if len(operation) != 4 || operation[:2] != "OP" {
		return -1
	}
	return int(operation[2]-'A')*26 + int(operation[3]-'A')
}

func errorOf(id int) string {
	if id%2 == 0 {
		return fmt.Sprintf("E%04d", id)
	}
	return ""
}

type world struct {
	*rand.Rand
	language
	server bool
	pieces []Piece
	seq    [2]uint32
	origin [2]uint32
	clock  time.Time
	n      int
	settle int
}

func (w *world) say(question bool, text string) {
	sent := question != w.server
	for len(text) > 0 {
		n := len(text)
		if w.IntN(3) == 0 {
			n = 1 + w.IntN(len(text))
		}
		w.clock = w.clock.Add(time.Millisecond)
		at, other := indexOf(sent), indexOf(!sent)
		w.pieces = append(w.pieces, Piece{
			Time: w.clock, Sent: sent, Seq: w.seq[at], Length: n, Data: []byte(text[:n]), Tail: []byte(text[max(0, n-32):n]),
			Asked: !w.server, AskedKnown: true, Other: w.seq[other], OtherKnown: true, First: w.seq[at] == w.origin[at],
		})
		w.seq[at] += uint32(n)
		text = text[n:]
	}
}

func (w *world) ask() (text string, id int) {
	id, w.n = w.n, w.n+1
	return w.question(w.Rand, id), id
}

// talk is of a client that waits for its answers, one that asks several things at
// once, or one that asks in the midst of answers.
func (w *world) talk(style uint64) {
	for range 4 + w.IntN(10) {
		switch style {
		case 0:
			w.batch(1)
		case 1:
			w.batch(1 + w.IntN(4))
		default:
			w.slide(4 + w.IntN(4))
		}
	}
}

func (w *world) batch(n int) {
	questions, answers := "", ""
	for range n {
		text, id := w.ask()
		questions += text
		answers += w.answer(w.Rand, id)
	}
	w.say(true, questions)
	w.say(false, answers)
}

func (w *world) slide(n int) {
	text, eldest := w.ask()
	w.say(true, text)
	for i := range n {
		text, id := w.ask()
		w.say(true, text)
		w.say(false, w.answer(w.Rand, eldest))
		eldest = id
		if i == 2 && w.settle == 0 {
			w.settle = len(w.pieces)
		}
	}
	w.say(false, w.answer(w.Rand, eldest))
}

func (w *world) damage() (left []Piece) {
	skip := 0
	for i, p := range w.pieces {
		if i >= w.settle {
			if w.IntN(12) == 0 {
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

// check follows the pieces: no call may have the answer of another one.
func (w *world) check(t *testing.T, pieces []Piece) (paired int) {
	t.Helper()
	conn := w.open()
	verify := func(calls []*Call) {
		for _, c := range calls {
			id := idOf(c.Operation)
			failed := c.Code == "_OTHER" && w.code(id) != "" // the message came in pieces
			if c.Cut || id >= 0 && c.Code != w.code(id) && !failed {
				t.Fatalf("%s was answered %q, and %q was reported (cut %v)", c.Operation, w.code(id), c.Code, c.Cut)
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

func newWorld(seed, kind uint64, l language) *world {
	r := rand.New(rand.NewPCG(seed, kind))
	w := &world{Rand: r, language: l, server: r.IntN(2) == 0, clock: time.Unix(1000, 0), seq: [2]uint32{r.Uint32(), r.Uint32()}}
	w.origin = w.seq
	return w
}

func TestNoLossPairsACallWithTheAnswerOfAnother(t *testing.T) {
	for name, l := range map[string]language{"redis": redisLanguage(), "postgresql": postgresLanguage()} {
		t.Run(name, func(t *testing.T) {
			asked, paired := 0, 0
			for seed := range uint64(3000) {
				w := newWorld(seed, 1, l)
				w.talk(seed % 3)
				t.Run("", func(t *testing.T) { paired += w.check(t, w.damage()) })
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
				asked += w.n
			}
			if paired*6 < asked {
				t.Errorf("only %d of %d calls were paired", paired, asked)
			}
			t.Logf("%d calls, of which %d were paired in spite of losses", asked, paired)
		})
	}
}

func TestEveryCallIsPairedWithoutLosses(t *testing.T) {
	for name, l := range map[string]language{"redis": redisLanguage(), "postgresql": postgresLanguage()} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(600) {
				w := newWorld(seed, 2, l)
				w.talk(seed % 3)
				if got := w.check(t, w.pieces); got != w.n {
					t.Fatalf("seed %d: %d of %d calls were paired", seed, got, w.n)
				}
			}
		})
	}
}
