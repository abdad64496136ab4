// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"golang.org/x/net/netutil"
)

const (
	// maxConnections bounds the connections of the database.
	maxConnections = 64
	statementTakes = 4 * time.Millisecond
	slowStatement  = 800 * time.Millisecond
)

// serveDatabase speaks the protocol of PostgreSQL: it accepts every statement of
// the simple protocol and keeps nothing.
func (s *service) serveDatabase(ctx context.Context, listener net.Listener) error {
	listener = netutil.LimitListener(listener, maxConnections)
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = conn.Close() }()
			_ = s.session(ctx, conn) // it ends when the client hangs up
		}()
	}
}

// session serves one connection until it ends.
func (s *service) session(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	backend := pgproto3.NewBackend(conn, conn)
	timeout, err := startSession(backend, conn)
	if err != nil {
		return err
	}
	for {
		message, err := backend.Receive()
		if err != nil {
			return err
		}
		switch m := message.(type) {
		case *pgproto3.Terminate:
			return nil
		case *pgproto3.Query:
			backend.Send(s.answer(ctx, m.String, timeout))
		default:
			backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "0A000", Message: "only the simple query protocol is supported"})
		}
		backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		if err := backend.Flush(); err != nil {
			return err
		}
	}
}

// startSession lets every client in and returns the timeout that it sets, 0 for
// none.
func startSession(backend *pgproto3.Backend, conn net.Conn) (timeout time.Duration, err error) {
	for {
		message, err := backend.ReceiveStartupMessage()
		if err != nil {
			return 0, err
		}
		switch m := message.(type) {
		case *pgproto3.StartupMessage:
			backend.Send(&pgproto3.AuthenticationOk{})
			backend.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: "16.4"})
			backend.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
			backend.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
			backend.Send(&pgproto3.BackendKeyData{ProcessID: 1})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			millis, _ := strconv.Atoi(m.Parameters["statement_timeout"]) // absent reads as 0
			return time.Duration(millis) * time.Millisecond, backend.Flush()
		case *pgproto3.SSLRequest, *pgproto3.GSSEncRequest:
			if _, err := conn.Write([]byte("N")); err != nil {
				return 0, err
			}
		default:
			return 0, errors.New("not a start of a session")
		}
	}
}

// answer takes as long as the statement and returns its result.
func (s *service) answer(ctx context.Context, statement string, timeout time.Duration) pgproto3.BackendMessage {
	statement = strings.TrimSpace(statement)
	if statement == "" || strings.HasPrefix(statement, "--") {
		return &pgproto3.EmptyQueryResponse{} // a ping
	}
	median := statementTakes
	if s.faults.active(dbSlow) {
		median = slowStatement
	}
	takes := around(median)
	if timeout > 0 && takes > timeout {
		pause(ctx, timeout)
		return &pgproto3.ErrorResponse{Severity: "ERROR", Code: "57014", Message: "canceling statement due to statement timeout"}
	}
	pause(ctx, takes)
	return &pgproto3.CommandComplete{CommandTag: []byte(commandTag(statement))}
}

// commandTag is how a database acknowledges a statement that concerns one row.
func commandTag(statement string) string {
	word, _, _ := strings.Cut(strings.ToUpper(statement), " ")
	if word == "INSERT" {
		return "INSERT 0 1"
	}
	return word + " 1"
}
