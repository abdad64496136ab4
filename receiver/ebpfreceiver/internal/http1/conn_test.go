// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// wire plays calls on a connection of a server: ">" is received, "<" is sent.
type wire struct {
	conn  Conn
	seq   [2]uint32
	clock time.Time
	seen  []string
	lost  map[Reason]uint64
	older bool // the connection is older than its first call here
}

func newWire() *wire {
	// Close to where the places in a stream begin again.
	return &wire{seq: [2]uint32{1<<32 - 20, 1<<32 - 5}, clock: time.Unix(1000, 0), lost: map[Reason]uint64{}}
}

func (w *wire) play(calls ...string) *wire {
	for _, call := range calls {
		w.piece(call[0] == '<', call[1:], len(call)-1)
	}
	return w
}

// piece plays a call of which only so many bytes were copied.
func (w *wire) piece(sent bool, text string, copied int) *wire {
	w.clock = w.clock.Add(time.Millisecond)
	at := indexOf(sent)
	p := &Piece{
		Time: w.clock, Sent: sent, First: !w.older, Seq: w.seq[at], Length: len(text), Data: []byte(text[:copied]), Tail: []byte(text[max(0, len(text)-8):]),
	}
	w.seq[at] += uint32(len(text))
	w.older = true
	w.keep(w.conn.Take(p))
	for reason, n := range w.conn.Failed() {
		w.lost[reason] += n
	}
	return w
}

// skip is bytes that were not reported.
func (w *wire) skip(sent bool, n int) *wire {
	w.seq[indexOf(sent)] += uint32(n)
	return w
}

func (w *wire) close() *wire {
	w.clock = w.clock.Add(time.Millisecond)
	w.keep(w.conn.Close(&End{Time: w.clock}))
	return w
}

func (w *wire) keep(exchanges []*Exchange) {
	for _, e := range exchanges {
		text := fmt.Sprintf("%s %s %d %d/%d %s", e.Request.Method, e.Request.Target, e.Response.Status, e.RequestBody, e.ResponseBody, e.End.Sub(e.Start))
		if e.Cut {
			text += " cut"
		}
		w.seen = append(w.seen, text)
	}
}

const (
	get   = ">GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
	ok    = "<HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	empty = "<HTTP/1.1 204 No Content\r\n\r\n"
)

func TestExchanges(t *testing.T) {
	for name, c := range map[string]struct {
		calls []string
		want  []string
		lost  map[Reason]uint64
		older bool
	}{
		"one":                              {calls: []string{get, ok}, want: []string{"GET /a 200 0/2 1ms"}},
		"kept alive":                       {calls: []string{get, ok, get, empty}, want: []string{"GET /a 200 0/2 1ms", "GET /a 204 0/0 1ms"}},
		"a body in pieces":                 {calls: []string{">POST /b HTTP/1.1\r\nContent-Length: 4\r\n\r\nab", ">cd", "<HTTP/1.1 201 C\r\nContent-Length: 3\r\n\r\n", "<xyz"}, want: []string{"POST /b 201 4/3 3ms"}},
		"a head in pieces":                 {calls: []string{">GE", ">T /a HT", ">TP/1.1\r\n", ">\r\n", "<HTTP/1.1 200 OK\r\nContent-", "<Length: 0\r\n\r\n"}, want: []string{"GET /a 200 0/0 5ms"}},
		"pipelined":                        {calls: []string{get + get[1:], ok + ok[1:]}, want: []string{"GET /a 200 0/2 1ms", "GET /a 200 0/2 1ms"}},
		"pipelined, split":                 {calls: []string{get + get[1:10], ">" + get[10:], ok, ok}, want: []string{"GET /a 200 0/2 2ms", "GET /a 200 0/2 3ms"}},
		"HEAD":                             {calls: []string{">HEAD /a HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", get, ok}, want: []string{"HEAD /a 200 0/0 1ms", "GET /a 200 0/2 1ms"}},
		"not modified":                     {calls: []string{get, "<HTTP/1.1 304 N\r\nContent-Length: 9\r\n\r\n", get, ok}, want: []string{"GET /a 304 0/0 1ms", "GET /a 200 0/2 1ms"}},
		"continue":                         {calls: []string{">PUT /c HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "<HTTP/1.1 100 Continue\r\n\r\n", ">x", empty}, want: []string{"PUT /c 204 1/0 3ms"}},
		"chunked":                          {calls: []string{get, "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "<3\r\nabc\r\n", "<0\r\n\r\n", get, ok}, want: []string{"GET /a 200 0/13 3ms", "GET /a 200 0/2 1ms"}},
		"chunked, end split":               {calls: []string{get, "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "<0\r\n", "<\r\n"}, want: []string{"GET /a 200 0/13 3ms"}},
		"chunked, trailers":                {calls: []string{get, "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "<0\r\nA: b\r\n\r\n", get, ok}, want: []string{"GET /a 200 0/11 2ms", "GET /a 200 0/2 1ms"}},
		"chunked request":                  {calls: []string{">POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", ">1\r\nx\r\n0\r\n\r\n", empty}, want: []string{"POST /b 204 11/0 2ms"}},
		"until the close":                  {calls: []string{get, "<HTTP/1.0 200 OK\r\n\r\n", "<body", "close"}, want: []string{"GET /a 200 0/4 3ms"}},
		"no answer":                        {calls: []string{get, "close"}, want: []string{"GET /a 0 0/0 1ms cut"}},
		"half an answer":                   {calls: []string{get, "<HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nha", "close"}, want: []string{"GET /a 200 0/2 2ms cut"}},
		"answer before the request's body": {calls: []string{">POST /b HTTP/1.1\r\nContent-Length: 4\r\n\r\n", "<HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", ">abcd", get, ok}, want: []string{"POST /b 413 0/0 1ms", "GET /a 200 0/2 1ms"}},
		"upgrade":                          {calls: []string{get, "<HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x05hello", ">\x81\x05hello"}, want: []string{"GET /a 101 0/0 1ms"}},
		"tunnel":                           {calls: []string{">CONNECT x:443 HTTP/1.1\r\n\r\n", "<HTTP/1.1 200 OK\r\n\r\n", ">\x16\x03"}, want: []string{"CONNECT x:443 200 0/0 1ms"}},
		"begun in the middle":              {older: true, calls: []string{"<dle of a body", ">more", get, ok, get, ok}, want: []string{"GET /a 200 0/2 1ms"}, lost: map[Reason]uint64{Unpaired: 1}},
		"its request not seen":             {older: true, calls: []string{ok, get, ok}, want: []string{"GET /a 200 0/2 1ms"}},
		"an empty line between":            {calls: []string{get, ok, ">\r\n", get, ok}, want: []string{"GET /a 200 0/2 1ms", "GET /a 200 0/2 1ms"}},
		"rubbish":                          {calls: []string{get, ok, ">rubbish\r\n", "<HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", get, ok}, want: []string{"GET /a 200 0/2 1ms", "GET /a 200 0/2 1ms"}, lost: map[Reason]uint64{Malformed: 1, Unmatched: 1}},
		"a header too large":               {calls: []string{get, ok, ">GET /" + strings.Repeat("a", MaxHead), ok, get, ok}, want: []string{"GET /a 200 0/2 1ms", "GET /a 200 0/2 1ms"}, lost: map[Reason]uint64{TooLarge: 1, Unmatched: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire()
			w.older = c.older
			for _, call := range c.calls {
				if call == "close" {
					w.close()
				} else {
					w.play(call)
				}
			}
			if c.lost == nil {
				c.lost = map[Reason]uint64{}
			}
			assert.Equal(t, c.want, w.seen)
			assert.Equal(t, c.lost, w.lost)
			assert.True(t, w.conn.Server)
		})
	}
}

func TestBytesThatWereNotCopiedAreSkipped(t *testing.T) {
	w := newWire().play(get)
	head := "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n"
	w.piece(true, head+strings.Repeat("x", 5000), 200).piece(true, strings.Repeat("x", 5000), 0).play(get, ok)
	assert.Equal(t, []string{"GET /a 200 0/10000 2ms", "GET /a 200 0/2 1ms"}, w.seen)
	assert.Empty(t, w.lost)
}

func TestAGapInABodyDoesNoHarm(t *testing.T) {
	w := newWire().play(get, "<HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab").skip(true, 6).play("<cd", get, ok)
	assert.Equal(t, []string{"GET /a 200 0/10 2ms", "GET /a 200 0/2 1ms"}, w.seen)
	assert.Empty(t, w.lost)
}

func TestAGapInAHeadIsCountedAndGotOver(t *testing.T) {
	w := newWire().play(get, "<HTTP/1.1 200 OK\r\nContent-").skip(true, 30).play(">GET /b HTTP/1.1\r\n\r\n", ok, ">GET /c HTTP/1.1\r\n\r\n", ok)
	assert.Equal(t, []string{"GET /c 200 0/2 1ms"}, w.seen)
	assert.Equal(t, map[Reason]uint64{Gap: 2}, w.lost)
}

// A client that waits in vain fails when it gives up, not when the last byte came.
func TestAStalledResponseFailsWhenItsConnectionEnds(t *testing.T) {
	const begun = "<HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"
	received := func() *wire {
		w := newWire()
		w.conn.Take(&Piece{Time: w.clock, Sent: true, First: true, Seq: 1, Length: len(get) - 1, Data: []byte(get[1:])})
		w.conn.Take(&Piece{Time: w.clock, Seq: 1, Length: len(begun) - 1, Data: []byte(begun[1:])})
		return w
	}
	for name, c := range map[string]struct {
		end  End
		want string
	}{
		"given up":           {End{GivenUp: true}, "GET /a 200 0/3 2s cut"},
		"with data at hand":  {End{GivenUp: true, Unread: true}, "GET /a 200 0/3 2s"},
		"by the peer":        {End{PeerTime: time.Unix(1001, 0)}, "GET /a 200 0/3 1s cut"},
		"with bytes missing": {End{Known: true, Next: [2]uint32{1 + uint32(len(begun)-1) + 2, 1 + uint32(len(get)-1)}}, "GET /a 200 0/3 2s cut"},
	} {
		t.Run(name, func(t *testing.T) {
			w := received()
			c.end.Time = time.Unix(1002, 0)
			w.keep(w.conn.Close(&c.end))
			assert.Equal(t, []string{c.want}, w.seen)
		})
	}
	w := received()
	w.keep(w.conn.Close(&End{Time: time.Unix(1002, 0), Known: true, Next: [2]uint32{1 + uint32(len(begun)-1) + 7, 1 + uint32(len(get)-1)}}))
	assert.Empty(t, w.seen, "its end was not seen")
}

// A client that is gone refuses its answer while the server sends it, so that it is never
// seen. Bytes that are missing for another reason may hold an answer that was read.
func TestARefusedAnswerCutsItsRequest(t *testing.T) {
	for name, c := range map[string]struct {
		calls   []string
		refused bool
		want    []string
	}{
		"refused":                {[]string{get}, true, []string{"GET /a 0 0/0 1ms cut"}},
		"refused in its midst":   {[]string{get, "<HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"}, true, []string{"GET /a 200 0/8 2ms cut"}},
		"lost":                   {[]string{get}, false, nil},
		"which of two is unsure": {[]string{get + get[1:]}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire().play(get, ok)
			w.seen = nil
			w.play(c.calls...)
			w.clock = w.clock.Add(time.Millisecond)
			w.keep(w.conn.Close(&End{Time: w.clock, Known: true, Next: [2]uint32{w.seq[0], w.seq[1] + 30}, Refused: c.refused}))
			assert.Equal(t, c.want, w.seen)
		})
	}
}

// The thread that sent the request was held up until after the answer.
func TestAnAnswerMayBeReportedBeforeItsRequest(t *testing.T) {
	w := newWire()
	sent := w.clock
	w.conn.Take(&Piece{Time: sent.Add(5 * time.Millisecond), First: true, Seq: 1, Length: len(ok) - 1, Data: []byte(ok[1:])})
	w.keep(w.conn.Take(&Piece{Time: sent, Sent: true, Seq: 1, Length: len(get) - 1, Data: []byte(get[1:])}))
	assert.Equal(t, []string{"GET /a 200 0/2 5ms"}, w.seen)
	assert.False(t, w.conn.Server)
}

func TestPendingRequestsAreBounded(t *testing.T) {
	w := newWire()
	for range maxPending + 1 {
		w.play(get)
	}
	assert.Equal(t, map[Reason]uint64{Crowded: maxPending + 1}, w.lost)
	assert.Empty(t, w.play(ok, ok).seen, "which response answers which request is not certain any more")
}

func TestHeads(t *testing.T) {
	head, size, err := ParseHead([]byte("POST /p?q=1 HTTP/1.0\nhost: h:8080\nuser-AGENT:  curl/8 \nContent-Length: 12\nTraceparent: 00-a\ntransfer-encoding: gzip, Chunked\n\nrest"))
	assert.NoError(t, err)
	assert.Equal(t, Head{Method: "POST", Target: "/p?q=1", Length: 12, Chunked: true, Coded: true, Host: "h:8080", UserAgent: "curl/8", Traceparent: "00-a"}, head)
	assert.Equal(t, 133-len("rest")-3, size)
	for _, bad := range []string{
		"\x16\x03\x01\x02", "GET / HTTP/2.0\r\n", "GET  HTTP/1.1\r\n", "G/T / HTTP/1.1\r\n", "HTTP/1.1 2x0 OK\r\n", "HTTP/1.1 2000\r\n",
		"GET / HTTP/1.1\r\nContent-Length: -1\r\n", "GET / HTTP/1.1\r\nno colon\r\n", strings.Repeat("A", 33), "*3\r\n$3\r\n",
	} {
		_, _, err := ParseHead([]byte(bad))
		assert.ErrorIs(t, err, ErrMalformed, "%q", bad)
	}
	for _, short := range []string{"", "G", "GET /", "HTTP/1.1 200 OK\r\nA: b\r\n"} {
		_, _, err := ParseHead([]byte(short))
		assert.ErrorIs(t, err, ErrIncomplete, "%q", short)
	}
}

func FuzzConn(f *testing.F) {
	f.Add([]byte(get + "\x00" + ok + "\x00" + get))
	f.Add([]byte(">POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\x00>0\r\n\r\n\x00" + empty))
	f.Fuzz(func(t *testing.T, text []byte) {
		w := newWire()
		calls := 0
		for call := range strings.SplitSeq(string(text), "\x00") {
			if len(call) < 2 {
				continue
			}
			calls += len(call)
			w.piece(call[0] == '<', call[1:], (len(call)-1)*int(call[1]%4+1)/4)
			for i := range w.conn.streams {
				if len(w.conn.streams[i].part) > MaxHead {
					t.Fatalf("kept %d bytes of a head", len(w.conn.streams[i].part))
				}
			}
		}
		w.close()
		if len(w.seen) > calls {
			t.Fatalf("%d exchanges of %d bytes", len(w.seen), calls)
		}
	})
}
