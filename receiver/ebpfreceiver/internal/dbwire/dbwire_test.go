// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dbwire

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// wire plays calls on a connection of a client: ">" is sent, "<" is received.
type wire struct {
	conn   Conn
	copied int // bytes of each piece that are copied
	seq    [2]uint32
	clock  time.Time
	seen   []string
	lost   map[Reason]uint64
	older  bool // the connection is older than its first call here
}

func newWire(conn Conn) *wire {
	return &wire{conn: conn, copied: 1 << 20, seq: [2]uint32{1<<32 - 20, 1<<32 - 5}, clock: time.Unix(1000, 0), lost: map[Reason]uint64{}}
}

func (w *wire) play(calls ...string) *wire {
	for _, call := range calls {
		w.clock = w.clock.Add(time.Millisecond)
		sent, text := call[0] == '>', call[1:]
		at := indexOf(sent)
		p := &Piece{
			Time: w.clock, Sent: sent, First: !w.older, Seq: w.seq[at], Length: len(text), Data: []byte(text[:min(len(text), w.copied)]),
			Tail: []byte(text[max(0, len(text)-32):]),
		}
		w.seq[at] += uint32(len(text))
		w.older = true
		w.keep(w.conn.Take(p))
		for reason, n := range w.conn.Failed() {
			w.lost[reason] += n
		}
	}
	return w
}

func (w *wire) skip(sent bool, n int) *wire {
	w.seq[indexOf(sent)] += uint32(n)
	return w
}

func (w *wire) keep(calls []*Call) {
	for _, c := range calls {
		text := fmt.Sprintf("%s %dms", c.Operation, c.End.Sub(c.Start).Milliseconds())
		if c.Code != "" {
			text += " " + c.Code
		}
		if c.Cut {
			text += " cut"
		}
		w.seen = append(w.seen, text)
	}
}

func TestRedis(t *testing.T) {
	const get, set = "*2\r\n$3\r\nget\r\n$1\r\na\r\n", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\nxx\r\n"
	for name, c := range map[string]struct {
		copied int
		calls  []string
		want   []string
	}{
		"one by one":         {0, []string{">" + get, "<$2\r\nxx\r\n", ">" + set, "<+OK\r\n"}, []string{"GET 1ms", "SET 1ms"}},
		"in a row":           {0, []string{">" + get + set, "<$-1\r\n", "<+OK\r\n"}, []string{"GET 1ms", "SET 2ms"}},
		"an error":           {0, []string{">" + set, "<-OOM no room\r\n"}, []string{"SET 1ms OOM"}},
		"in small pieces":    {0, []string{">*2\r", ">\n$3\r\nge", ">t\r\n$1\r\na\r\n", "<*2\r\n:1", "<\r\n*1\r\n$0\r", "<\n\r\n"}, []string{"GET 4ms"}},
		"maps and pushes":    {0, []string{">" + get, "<>1\r\n+x\r\n", "<%1\r\n+a\r\n*0\r\n"}, []string{"GET 2ms"}},
		"a long value":       {30, []string{">*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100\r\n" + strings.Repeat("x", 100) + "\r\n", "<+OK\r\n"}, []string{"SET 1ms"}},
		"a long answer":      {30, []string{">" + get, "<" + strings.Repeat("*1\r\n", 3) + ":1\r\n", "<*9\r\n" + strings.Repeat("$1\r\nx\r\n", 9), ">" + get, "<$-1\r\n"}, []string{"GET 1ms", "GET 1ms"}},
		"an array cut":       {30, []string{">" + get, "<*9\r\n" + strings.Repeat("$1\r\nx\r\n", 9), ">" + get, "<$-1\r\n"}, []string{"GET 1ms", "GET 1ms"}},
		"what is no command": {0, []string{">*1\r\n$3\r\n\x00\x01\x02\r\n", "<-ERR\r\n"}, []string{"_OTHER 1ms ERR"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(NewRedis(false))
			if c.copied > 0 {
				w.copied = c.copied
			}
			assert.Equal(t, c.want, w.play(c.calls...).seen)
		})
	}
}

func TestRedisAfterAGap(t *testing.T) {
	const get = "*2\r\n$3\r\nget\r\n$1\r\na\r\n"
	w := newWire(NewRedis(true)).play(">"+get, "<+a\r\n", ">"+get).skip(false, 5).play(">"+get, "<+a\r\n", ">"+get, "<+a\r\n")
	assert.Equal(t, []string{"GET 1ms", "GET 1ms"}, w.seen, "which answer is whose is known again with the next question")
	assert.Equal(t, map[Reason]uint64{Gap: 2}, w.lost)
	w = newWire(NewRedis(true)).play(">" + get)
	w.keep(w.conn.Close(&End{Time: w.clock}))
	assert.Equal(t, []string{"GET 0ms cut"}, w.seen)
	w = newWire(NewRedis(false)).play(">*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n")
	assert.True(t, w.conn.Opaque())
}

func TestRedisRepliesThatAreNotSent(t *testing.T) {
	command := func(words ...string) string {
		text := fmt.Sprintf("*%d\r\n", len(words))
		for _, word := range words {
			text += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
		}
		return ">" + text
	}
	w := newWire(NewRedis(false)).play(
		command("CLIENT", "REPLY", "SKIP"), command("SET", "a", "1"), command("INCR", "a"), "<:2\r\n",
		command("client", "reply", "off"), command("DEL", "a"), command("CLIENT", "REPLY", "ON"), "<+OK\r\n", command("GET", "a"), "<-ERR x\r\n")
	assert.Equal(t, []string{"INCR 1ms", "CLIENT 1ms", "GET 1ms ERR"}, w.seen)
	assert.Empty(t, w.lost)
}

func TestRefusedConnectionsAreReported(t *testing.T) {
	w := newWire(NewPostgreSQL(false)).play(">"+startup(), "<"+message('E', "SFATAL\x00C53300\x00Mtoo many\x00\x00"))
	w.keep(w.conn.Close(&End{Time: w.clock}))
	assert.Equal(t, []string{"CONNECT 1ms 53300"}, w.seen)
	w = newWire(NewRedis(false)).play("<-ERR max number of clients reached\r\n")
	assert.Equal(t, []string{"CONNECT 0ms ERR"}, w.seen)
	assert.False(t, w.conn.Server())
}

// message of PostgreSQL.
func message(kind byte, body string) string {
	head := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))
	return string(head) + body
}

func startup() string {
	body := "\x00\x03\x00\x00user\x00u\x00database\x00shop\x00\x00"
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))) + body
}

func TestPostgreSQL(t *testing.T) {
	ready, done := message('Z', "I"), message('C', "SELECT 1\x00")
	fault := message('E', "SERROR\x00C42601\x00Mno\x00\x00")
	query := message('Q', "select 1\x00")
	prepare := message('P', "s\x00insert into t values ($1)\x00\x00\x00")
	run := message('B', "\x00s\x00\x00\x00\x00\x01\x00\x00") + message('E', "\x00\x00\x00\x00\x00")
	sync := message('S', "")
	tls := "\x00\x00\x00\x08\x04\xd2\x16\x2f"
	for name, c := range map[string]struct {
		copied int
		calls  []string
		want   []string
	}{
		"a simple query":            {0, []string{">" + startup(), "<" + message('R', "\x00\x00\x00\x00") + ready, ">" + query, "<" + done, "<" + ready}, []string{"SELECT 2ms"}},
		"TLS refused":               {0, []string{">" + tls, "<N", ">" + startup(), "<" + ready, ">" + query, "<" + done + ready}, []string{"SELECT 1ms"}},
		"two statements":            {0, []string{">" + message('Q', "begin; select 1\x00"), "<" + done + done, "<" + ready}, []string{"BEGIN 2ms"}},
		"an error":                  {0, []string{">" + query, "<" + fault + ready}, []string{"SELECT 1ms 42601"}},
		"prepared":                  {0, []string{">" + prepare + sync, "<" + message('1', "") + ready, ">" + run + sync, "<" + message('2', "") + done + ready}, []string{"INSERT 1ms"}},
		"not to be prepared":        {0, []string{">" + prepare + sync, "<" + fault + ready}, []string{"INSERT 1ms 42601"}},
		"prepared before we looked": {0, []string{">" + query, "<" + done + ready, ">" + run + sync, "<" + done + ready}, []string{"SELECT 1ms", "EXECUTE 1ms"}},
		"in a row":                  {0, []string{">" + prepare + run + run + sync, "<" + done, "<" + done + ready}, []string{"INSERT 1ms", "INSERT 2ms"}},
		"what follows an error":     {0, []string{">" + prepare + run + run + run + sync, "<" + done + fault + ready, ">" + query, "<" + done + ready}, []string{"INSERT 1ms", "INSERT 1ms 42601", "SELECT 1ms"}},
		"heads in pieces":           {0, []string{">" + query[:3], ">" + query[3:], "<" + done[:2], "<" + done[2:] + ready[:4], "<" + ready[4:]}, []string{"SELECT 3ms"}},
		"a long answer":             {40, []string{">" + query, "<" + strings.Repeat(message('D', "xxxxx"), 9), "<" + strings.Repeat(message('D', "xxxxx"), 9) + done + ready, ">" + query, "<" + done + ready}, []string{"SELECT 2ms", "SELECT 1ms"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(NewPostgreSQL(false))
			if c.copied > 0 {
				w.copied = c.copied
			}
			assert.Equal(t, c.want, w.play(c.calls...).seen)
			assert.Empty(t, w.lost)
		})
	}
	w := newWire(NewPostgreSQL(false)).play(">"+tls, "<S")
	assert.True(t, w.conn.Opaque(), "TLS follows")
}

func TestPostgreSQLAfterAGap(t *testing.T) {
	query, answer := message('Q', "select 1\x00"), message('C', "SELECT 1\x00")+message('Z', "I")
	w := newWire(NewPostgreSQL(false)).play(">"+query, "<"+answer, ">"+query).skip(false, 9).play("<"+message('D', "x"), ">"+query, "<"+answer)
	assert.Equal(t, []string{"SELECT 1ms", "SELECT 1ms"}, w.seen, "what was not seen may have been an error")
}

func TestValuesAreNotReported(t *testing.T) {
	for text, want := range map[string]string{
		"select * from t1 where a='x''y' and b = 1.5e-3":  "select * from t1 where a=? and b = ?",
		`select "a""1", E'it\'s', $1, -7`:                 `select "a""1", ?, $1, -?`,
		"select $$secret$$, $t$se'cret$t$, 'cut in the m": "select ?, ?, ?",
		"/* secret */ select 0x1F -- secret":              "? select ? ?",
	} {
		assert.Equal(t, want, withoutValues(text), text)
	}
	assert.Equal(t, "SELECT", operationOf("-- x\n /* y */ (select 1)"))
	assert.Equal(t, "_OTHER", operationOf("1"))
}

// Whatever comes, the readers neither fail nor grow.
func FuzzConn(f *testing.F) {
	f.Add([]byte("*1\r\n$4\r\nPING\r\n"), []byte("+PONG\r\n"), 3)
	f.Add([]byte(startup()), []byte(message('E', "C42601\x00\x00")+message('Z', "I")), 9)
	f.Add([]byte(message('Q', "select 'x\x00")), []byte(message('C', "")), 100)
	f.Fuzz(func(t *testing.T, question, answer []byte, copied int) {
		for _, conn := range []Conn{NewRedis(true), NewPostgreSQL(true)} {
			w := newWire(conn)
			w.copied = max(0, copied)
			for range 3 {
				w.play(">"+string(question), "<"+string(answer)).skip(len(answer)%2 == 0, len(question)%3)
			}
			if len(w.conn.Close(&End{Time: w.clock})) > maxPending {
				t.Fatal("more calls than are kept")
			}
		}
	})
}
