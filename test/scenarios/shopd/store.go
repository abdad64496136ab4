// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// enter adds a block to the ledger, if there is one.
func (s *shopd) enter() error {
	if s.ledger == "" {
		return nil
	}
	file, err := os.OpenFile(s.ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(make([]byte, 4096))
	return err
}

// store is a Redis, with the connections that no request uses.
type store struct {
	address string
	idle    chan net.Conn
}

func newStore(address string) *store { return &store{address, make(chan net.Conn, 16)} }

// read asks for one key.
func (s *store) read() error {
	if s == nil {
		return nil
	}
	conn, err := s.connection()
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, "*2\r\n$3\r\nGET\r\n$5\r\nprice\r\n"); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && answer != "$-1\r\n" { // there is no such key
		err = fmt.Errorf("the database answers %q", answer)
	}
	if err != nil {
		_ = conn.Close()
		return err
	}
	select {
	case s.idle <- conn:
	default:
		_ = conn.Close()
	}
	return nil
}

func (s *store) connection() (net.Conn, error) {
	select {
	case conn := <-s.idle:
		return conn, nil
	default:
		return net.DialTimeout("tcp", s.address, 5*time.Second)
	}
}
