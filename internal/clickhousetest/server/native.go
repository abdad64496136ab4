// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	block "github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// revision of the native protocol: the one of the client library, so that parameters
// travel apart from the statement.
const revision = 54460

// ServeNative answers SELECTs over the native protocol until the listener closes.
func (s *Server) ServeNative(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = conn.Close() }() // the client has ended it
			c := &native{server: s, conn: conn, in: proto.NewReader(bufio.NewReader(conn))}
			_ = c.run() // ends with the connection
		}()
	}
}

// native is one connection.
type native struct {
	server         *Server
	conn           net.Conn
	in             *proto.Reader
	out            proto.Buffer
	database, user string
}

func (n *native) flush() error {
	_, err := n.conn.Write(n.out.Buf)
	n.out.Reset()
	return err
}

func (n *native) fail(cause error) error {
	code, _ := codeOf(cause.Error())
	n.out.PutByte(byte(proto.ServerCodeException))
	n.out.PutInt32(int32(code))
	n.out.PutString("DB::Exception")
	n.out.PutString(cause.Error())
	n.out.PutString("")
	n.out.PutBool(false)
	return n.flush()
}

func (n *native) hello() error {
	if _, err := n.in.UVarInt(); err != nil {
		return err
	}
	var hello proto.ClientHello
	if err := hello.Decode(n.in); err != nil {
		return err
	}
	if n.server.User != "" && (hello.User != n.server.User || hello.Password != n.server.Password) {
		return errors.Join(n.fail(errors.New("Code: 516. DB::Exception: Authentication failed. (AUTHENTICATION_FAILED)")), io.EOF) //nolint:staticcheck // as the server writes it
	}
	n.database, n.user = hello.Database, hello.User
	answer := proto.ServerHello{Name: "ClickHouse", Major: 26, Minor: 5, Revision: revision, Timezone: "UTC", DisplayName: "chdb"}
	answer.EncodeAware(&n.out, min(hello.ProtocolVersion, revision))
	if err := n.flush(); err != nil {
		return err
	}
	_, err := n.in.Str() // the addendum: a quota key
	return err
}

func (n *native) run() error {
	if err := n.hello(); err != nil {
		return err
	}
	for {
		packet, err := n.in.UVarInt()
		if err != nil {
			return err
		}
		switch proto.ClientCode(packet) {
		case proto.ClientCodePing:
			n.out.PutByte(byte(proto.ServerCodePong))
			err = n.flush()
		case proto.ClientCodeQuery:
			err = n.query()
		case proto.ClientCodeCancel:
		default:
			err = fmt.Errorf("packet %d", packet)
		}
		if err != nil {
			return err
		}
	}
}

// skipBlock reads the empty block that ends the external tables of a query.
func (n *native) skipBlock(compressed bool) error {
	if _, err := n.in.UVarInt(); err != nil {
		return err
	}
	if _, err := n.in.Str(); err != nil {
		return err
	}
	if compressed {
		n.in.EnableCompression()
		defer n.in.DisableCompression()
	}
	empty := &block.Block{ServerContext: &column.ServerContext{}}
	return empty.Decode(n.in, revision)
}

func (n *native) query() error {
	var q proto.Query
	if err := q.DecodeAware(n.in, revision); err != nil {
		return err
	}
	compressed := q.Compression == proto.CompressionEnabled
	if err := n.skipBlock(compressed); err != nil {
		return err
	}
	settings := map[string]string{}
	for _, one := range q.Settings {
		settings[one.Key] = quote(one.Value)
	}
	for _, one := range q.Parameters {
		settings["param_"+one.Key] = one.Value // a literal
	}
	session, err := n.server.session(n.user, n.database, settings)
	if err != nil {
		return n.fail(err)
	}
	defer session.Close()
	parts := 0
	send := func(content []byte) error {
		parts++
		return n.send(content, compressed)
	}
	if err = session.Stream(q.Body, "Native", send); err == nil && parts == 0 {
		var described []byte
		if described, err = session.Query("DESCRIBE ("+strings.TrimRight(q.Body, "; \n")+")", "TSVRaw"); err == nil {
			err = send(emptyBlock(string(described)))
		}
	}
	if err != nil {
		return n.fail(err)
	}
	n.out.PutByte(byte(proto.ServerCodeEndOfStream))
	return n.flush()
}

// send encodes the blocks of the engine, which are of revision 0, for the client.
func (n *native) send(content []byte, compressed bool) error {
	reader := proto.NewReader(bytes.NewReader(content))
	for {
		one := &block.Block{ServerContext: &column.ServerContext{}}
		if err := one.Decode(reader, 0); err != nil {
			if strings.Contains(err.Error(), "EOF") {
				return nil
			}
			return err
		}
		if err := n.sendBlock(one, compressed); err != nil {
			return err
		}
	}
}

func (n *native) sendBlock(one *block.Block, compressed bool) error {
	n.out.PutByte(byte(proto.ServerCodeData))
	n.out.PutString("")
	var body proto.Buffer
	var err error
	if one.Rows() > 0 {
		err = one.Encode(&body, revision)
	} else if err = one.EncodeHeader(&body, revision); err == nil {
		// Encode writes the states of columns that a reader of no rows does not expect.
		for _, c := range one.Columns {
			body.PutString(c.Name())
			body.PutString(string(c.Type()))
			body.PutBool(false)
		}
	}
	if err != nil {
		return err
	}
	writer := compress.NewWriter(0, compress.LZ4)
	for rest := body.Buf; len(rest) > 0; {
		size := min(len(rest), blockBytes)
		part := rest[:size]
		if compressed {
			if err := writer.Compress(part); err != nil {
				return err
			}
			part = writer.Data
		}
		n.out.Buf = append(n.out.Buf, part...)
		rest = rest[size:]
	}
	return n.flush()
}
