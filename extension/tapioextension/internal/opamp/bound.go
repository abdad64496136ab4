// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package opamp

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
)

// maxMessageBytes bounds one message of a websocket, which opamp-go does not. A
// message is let through with what may be buffered behind it.
const maxMessageBytes = 4 << 20

var errMessageTooLong = errors.New("an OpAMP message is longer than 4 MiB")

// boundedWriter bounds the messages of a connection that becomes a websocket.
type boundedWriter struct{ http.ResponseWriter }

// Unwrap is for http.ResponseController.
func (w *boundedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hijack implements http.Hijacker.
func (w *boundedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if buffered.Reader.Buffered() > 0 {
		return nil, nil, errors.Join(errors.New("the client sent data before the handshake was complete"), conn.Close())
	}
	bounded := &boundedConn{Conn: conn}
	return bounded, bufio.NewReadWriter(bufio.NewReader(bounded), bufio.NewWriter(bounded)), nil
}

// boundedConn fails when more than a message's worth is read and no message
// comes of it.
type boundedConn struct {
	net.Conn
	read atomic.Int64
}

func (c *boundedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.read.Add(int64(n)) > maxMessageBytes {
		return 0, errMessageTooLong
	}
	return n, err
}

// allowNextMessage is called for each message that arrived.
func allowNextMessage(conn net.Conn) {
	if bounded, ok := conn.(*boundedConn); ok {
		bounded.read.Store(0)
	}
}
