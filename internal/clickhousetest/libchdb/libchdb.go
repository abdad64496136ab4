// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package libchdb binds libchdb, which is the engine of ClickHouse as a library.
package libchdb

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Library is a loaded libchdb. A process loads it once, and opens one data directory.
type Library struct {
	connect func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	close   func(conn unsafe.Pointer)
	query   func(conn, query unsafe.Pointer, length uintptr, format unsafe.Pointer, formatLength uintptr) unsafe.Pointer
	stream  func(conn, query unsafe.Pointer, length uintptr, format unsafe.Pointer, formatLength uintptr) unsafe.Pointer
	fetch   func(conn, result unsafe.Pointer) unsafe.Pointer
	cancel  func(conn, result unsafe.Pointer)
	destroy func(result unsafe.Pointer)
	buffer  func(result unsafe.Pointer) unsafe.Pointer
	length  func(result unsafe.Pointer) uintptr
	failure func(result unsafe.Pointer) unsafe.Pointer
}

// Load loads libchdb.so.
func Load(path string) (*Library, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	l := &Library{}
	for name, function := range map[string]any{
		"chdb_connect": &l.connect, "chdb_close_conn": &l.close, "chdb_query_n": &l.query, "chdb_stream_query_n": &l.stream,
		"chdb_stream_fetch_result": &l.fetch, "chdb_stream_cancel_query": &l.cancel, "chdb_destroy_query_result": &l.destroy,
		"chdb_result_buffer": &l.buffer, "chdb_result_length": &l.length, "chdb_result_error": &l.failure,
	} {
		purego.RegisterLibFunc(function, handle, name)
	}
	var handleSignals func(enabled bool)
	purego.RegisterLibFunc(&handleSignals, handle, "chdb_set_signal_handlers_enabled")
	handleSignals(false) // they are those of Go
	return l, nil
}

// Session is one session of the engine. It is safe for concurrent use.
type Session struct {
	library *Library
	mu      sync.Mutex
	conn    unsafe.Pointer // chdb_connection *
}

// Open opens a session on the data directory.
func (l *Library) Open(directory string) (*Session, error) {
	arguments := [][]byte{terminated("chdb"), terminated("--path=" + directory)}
	argv := make([]unsafe.Pointer, len(arguments)+1)
	for i := range arguments {
		argv[i] = unsafe.Pointer(&arguments[i][0])
	}
	conn := l.connect(int32(len(arguments)), unsafe.Pointer(&argv[0]))
	if conn == nil {
		return nil, errors.New("failed to open the data directory")
	}
	return &Session{library: l, conn: conn}, nil
}

// Close ends the session.
func (s *Session) Close() { s.library.close(s.conn) }

func terminated(text string) []byte { return append([]byte(text), 0) }

func (s *Session) handle() unsafe.Pointer { return *(*unsafe.Pointer)(s.conn) }

// content copies what a result holds.
func (l *Library) content(result unsafe.Pointer) ([]byte, error) {
	if result == nil {
		return nil, errors.New("the engine returned no result")
	}
	if failure := text(l.failure(result)); failure != "" {
		return nil, errors.New(failure)
	}
	n := l.length(result)
	if n == 0 {
		return nil, nil
	}
	return append([]byte(nil), unsafe.Slice((*byte)(l.buffer(result)), n)...), nil
}

func text(p unsafe.Pointer) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(p, n)) != 0 {
		n++
	}
	return string(unsafe.Slice((*byte)(p), n))
}

// Query runs a statement and returns its whole answer.
func (s *Session) Query(statement, format string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query, name := terminated(statement), terminated(format)
	result := s.library.query(s.handle(), unsafe.Pointer(&query[0]), uintptr(len(query)-1), unsafe.Pointer(&name[0]), uintptr(len(name)-1))
	defer s.library.destroy(result)
	return s.library.content(result)
}

// Stream runs a statement and calls use with each part of its answer.
func (s *Session) Stream(statement, format string, use func([]byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.library
	query, name := terminated(statement), terminated(format)
	stream := l.stream(s.handle(), unsafe.Pointer(&query[0]), uintptr(len(query)-1), unsafe.Pointer(&name[0]), uintptr(len(name)-1))
	if stream == nil {
		return errors.New("the engine returned no result")
	}
	defer l.destroy(stream)
	if failure := text(l.failure(stream)); failure != "" {
		return errors.New(failure)
	}
	for {
		part := l.fetch(s.handle(), stream)
		content, err := l.content(part)
		if part != nil {
			l.destroy(part)
		}
		if err != nil || len(content) == 0 {
			return err
		}
		if err := use(content); err != nil {
			l.cancel(s.handle(), stream)
			return fmt.Errorf("client: %w", err)
		}
	}
}
