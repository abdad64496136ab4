// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// language makes exchanges of which each is distinguished from all others by both its question
// and its answer.
type language struct {
	question, answer func(id int) string
	// pair reads the id in the question and the one in the answer from a span.
	pair func(of pcommon.Map) (asked, answered int)
}

// statuses are those of HTTP that the answers take in turn.
const statuses = 500

func languages() map[string]language {
	operation := func(id int) string { return fmt.Sprintf("OP%c%c%c", 'A'+id/26/26%26, 'A'+id/26%26, 'A'+id%26) }
	idOf := func(of pcommon.Map) int {
		text := textOf(of, "db.operation.name")
		if len(text) != 5 || !strings.HasPrefix(text, "OP") {
			return -1
		}
		return int(text[2]-'A')*26*26 + int(text[3]-'A')*26 + int(text[4]-'A')
	}
	scan := func(text, format string) (id int) {
		if _, err := fmt.Sscanf(text, format, &id); err != nil {
			return -1
		}
		return id
	}
	return map[string]language{
		"http": {
			question: func(id int) string { return requestOf("GET", fmt.Sprintf("/loss/%d", id), "") },
			answer:   func(id int) string { return response(400+id%statuses, "") },
			pair: func(of pcommon.Map) (asked, answered int) {
				status, ok := of.Get("http.response.status_code")
				if asked = scan(textOf(of, "url.path"), "/loss/%d"); !ok {
					return asked, -1
				}
				return asked, asked - asked%statuses + int(status.Int()) - 400
			},
		},
		"redis": {
			question: func(id int) string { return fmt.Sprintf("*2\r\n$5\r\n%s\r\n$1\r\nk\r\n", operation(id)) },
			answer:   func(id int) string { return fmt.Sprintf("-E%04d no\r\n", id) },
			pair: func(of pcommon.Map) (asked, answered int) {
				return idOf(of), scan(textOf(of, "db.response.status_code"), "E%d")
			},
		},
		"postgresql": {
			question: func(id int) string { return messageOf('Q', operation(id)+" k\x00") },
			answer: func(id int) string {
				return messageOf('E', fmt.Sprintf("SERROR\x00CE%04d\x00Mno\x00\x00", id)) + messageOf('Z', "I")
			},
			pair: func(of pcommon.Map) (asked, answered int) {
				return idOf(of), scan(textOf(of, "db.response.status_code"), "E%d")
			},
		},
	}
}

func messageOf(kind byte, body string) string {
	return string(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))) + body
}

// talk is a connection that has both its ends here.
type talk struct {
	language
	client, server  net.Conn
	port            int
	asked, answered int
}

func newTalk(t *testing.T, l language) *talk {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	k := &talk{language: l, port: listener.Addr().(*net.TCPAddr).Port}
	k.client, err = net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	k.server, err = listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = k.client.Close(), k.server.Close() })
	return k
}

func (k *talk) ask(t *testing.T) {
	t.Helper()
	carry(t, k.client, k.server, k.question(k.asked))
	k.asked++
}

func (k *talk) reply(t *testing.T) {
	t.Helper()
	carry(t, k.server, k.client, k.answer(k.answered))
	k.answered++
}

func carry(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(from, text)
	require.NoError(t, err)
	_, err = io.ReadFull(to, make([]byte, len(text)))
	require.NoError(t, err)
}

// exchange asks so many things: each after the answer before, or with always one more
// outstanding.
func (k *talk) exchange(t *testing.T, n int, interleaved bool) {
	t.Helper()
	if interleaved {
		k.ask(t)
	}
	for range n {
		k.ask(t)
		k.reply(t)
	}
	if interleaved {
		k.reply(t)
	}
}

// lossOf overflows the ring buffer with what the talks say while no one reads it.
func lossOf(t *testing.T, w *watch, numbers []kernel.Number, say func()) {
	t.Helper()
	lost := func() (fewest uint64) {
		for i, number := range numbers {
			account, err := w.kernel.Account(number)
			require.NoError(t, err)
			if i == 0 || account.Lost < fewest {
				fewest = account.Lost
			}
		}
		return fewest
	}
	before := lost()
	for range 10_000 {
		if lost() > before {
			break
		}
		say()
	}
	require.Greater(t, lost(), before, "nothing was lost of one of them")
	say()
}

// reported are the spans of a talk, by side, of exchanges from that one on. None may
// have the answer of another one, or be one that failed.
func (k *talk) reported(t *testing.T, sink *consumertest.TracesSink, from int) (sides map[ptrace.SpanKind]int) {
	t.Helper()
	sides = map[ptrace.SpanKind]int{}
	s := &seen{traces: sink}
	s.eachSpan(func(_ pcommon.Resource, span ptrace.Span) {
		port, _ := span.Attributes().Get("server.port")
		local, _ := span.Attributes().Get("network.peer.port")
		if !k.mine(port.Int(), local.Int()) {
			return
		}
		asked, answered := k.pair(span.Attributes())
		assert.Equal(t, asked, answered, "%v", span.Attributes().AsRaw())
		if asked >= from {
			sides[span.Kind()]++
		}
	})
	return sides
}

// mine reports whether the ports are of this connection.
func (k *talk) mine(server, peer int64) bool {
	local := int64(k.client.LocalAddr().(*net.TCPAddr).Port)
	return server == int64(k.port) || peer == int64(k.port) || peer == local
}

// What follows a loss is reported again, and rightly, also of clients that ask in the
// midst of answers.
func TestConnectionsAreReportedAgainAfterALoss(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.RingBufferSize = 1 << 20 // room for what others on this machine say
	onlyDatabases(config)
	config.Probes.HTTP.Enabled = true
	w := watching(t, config, probesOf(config)...)
	defer func() { require.NoError(t, w.close()) }()
	spans := &consumertest.TracesSink{}
	w.sink.traces = spans
	for name, l := range languages() {
		for _, interleaved := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, interleaved %t", name, interleaved), func(t *testing.T) {
				k := newTalk(t, l)
				deliver := func() {
					w.drain()
					w.settle(true)
					w.flush()
				}
				k.exchange(t, 6, interleaved)
				deliver()
				all := k.asked
				require.Equal(t, map[ptrace.SpanKind]int{ptrace.SpanKindServer: all, ptrace.SpanKindClient: all}, k.reported(t, spans, 0))
				number := map[string]kernel.Number{"http": kernel.NumberHTTP, "redis": kernel.NumberRedis, "postgresql": kernel.NumberPostgreSQL}[name]
				lossOf(t, w, []kernel.Number{number}, func() { k.exchange(t, 3, interleaved) })
				deliver()
				after := k.asked
				for pause := 20 * time.Millisecond; ; pause = min(2*pause, time.Second) {
					k.exchange(t, 1, false)
					deliver()
					sides := k.reported(t, spans, after)
					if sides[ptrace.SpanKindServer] > 2 && sides[ptrace.SpanKindClient] > 2 {
						break
					}
					require.Less(t, k.asked, after+30, "after so many exchanges of which each waited for its answer")
					for rest := time.Now().Add(pause); time.Now().Before(rest); time.Sleep(5 * time.Millisecond) {
						w.drain() // what others say, while this connection rests
					}
				}
			})
		}
	}
}
