// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	driver "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/tapio/tapio/internal/model"
)

// scanner reads the columns of a row.
type scanner func(columns ...any) error

// each runs a statement and calls use with each row. What use returns ends it. A user
// with readonly = 1 may set no limits: those of its profile apply then.
func (s *statement) each(ctx context.Context, sql string, use func(scan scanner) error) error {
	limited := !s.reader.setsNothing.Load()
	err := s.run(ctx, sql, limited, use)
	if limited && errors.Is(err, errReadonly) {
		s.reader.setsNothing.Store(true)
		return s.run(ctx, sql, false, use)
	}
	return err
}

func (s *statement) run(ctx context.Context, sql string, limited bool, use func(scan scanner) error) error {
	if err := s.check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	r := s.reader
	within, cancel := context.WithTimeoutCause(ctx, r.Timeout, errTimeout)
	defer cancel()
	options := []driver.QueryOption{driver.WithParameters(s.params)}
	if limited {
		options = append(options, driver.WithSettings(r.settings()))
	}
	within = driver.Context(undated{within}, options...)
	rows, err := r.conn.Query(within, sql) //nolint:contextcheck // undated wraps the inherited one
	if err != nil {
		return r.failed(ctx, within, err)
	}
	defer func() { _ = rows.Close() }() // its error is that of rows.Err
	for rows.Next() {
		if err := use(rows.Scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return r.failed(ctx, within, err)
	}
	return ctx.Err()
}

// errTimeout ends a statement that takes too long.
var errTimeout = errors.New("did not answer in time")

// undated is a context without a deadline, which ends all the same when the time is over:
// of a deadline the client library makes a limit of its own, in place of that of settings.
type undated struct{ context.Context }

// Deadline implements context.Context.
func (undated) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// errReadonly is that the user may not change settings.
var errReadonly = errors.New("the user may not set limits")

// settings are the limits of a statement.
func (r *connection) settings() driver.Settings {
	settings := driver.Settings{"max_execution_time": int(max(r.Timeout.Seconds(), 1))}
	if r.MaxMemory > 0 {
		settings["max_memory_usage"] = r.MaxMemory
	}
	if r.MaxRows > 0 {
		settings["max_rows_to_read"] = r.MaxRows
	}
	return settings
}

// Codes of ClickHouse's exceptions.
const (
	codeUnknownTable   = 60
	codeUnknownColumn  = 47
	codeTooManyRows    = 158
	codeTimeout        = 159
	codeReadonly       = 164
	codeMemoryLimit    = 241
	codeTooManyBytes   = 307
	codeTooManyResults = 396
	codeConstraint     = 452
)

// failed translates an error of the server.
func (r *connection) failed(ctx, within context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if within.Err() != nil {
		return fmt.Errorf("ClickHouse %w: %w", errTimeout, context.DeadlineExceeded)
	}
	fault, ok := exceptionOf(err)
	if !ok {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return &model.UnavailableError{Problem: "ClickHouse closed the connection"}
		}
		return &model.UnavailableError{Problem: fmt.Sprintf("ClickHouse does not answer: %v", err)}
	}
	switch fault.Code {
	case codeTooManyRows, codeMemoryLimit, codeTooManyBytes, codeTooManyResults:
		return model.Exhausted("ClickHouse refused the query: %s: ask for a shorter time range, or raise the limits of the backend", fault.Message)
	case codeTimeout:
		return fmt.Errorf("ClickHouse %w: %w", errTimeout, context.DeadlineExceeded)
	case codeReadonly:
		return fmt.Errorf("ClickHouse: %w: %s", errReadonly, fault.Message)
	case codeConstraint:
		return fmt.Errorf("ClickHouse refused a limit, for the user may set only lower ones: %s: lower timeout, max_memory or max_rows of backends::clickhouse, or leave them out", fault.Message)
	case codeUnknownTable, codeUnknownColumn:
		r.forgetSchema()
	}
	return fmt.Errorf("ClickHouse: code %d: %s", fault.Code, fault.Message)
}

// exceptionOf returns the exception of the server in an error. Of answers over HTTP the client
// library has only the text.
func exceptionOf(err error) (*driver.Exception, bool) {
	if fault, ok := errors.AsType[*driver.Exception](err); ok {
		return fault, true
	}
	_, text, found := strings.Cut(err.Error(), "Code: ")
	number, message, divided := strings.Cut(text, ". DB::Exception: ")
	code, wrong := strconv.ParseInt(number, 10, 32)
	if !found || !divided || wrong != nil {
		return nil, false
	}
	return &driver.Exception{Code: int32(code), Message: strings.TrimSpace(message)}, true
}

// now returns the time of the server.
func (r *connection) now(ctx context.Context) (at model.Nanos, err error) {
	s := r.newStatement(nil)
	err = s.each(ctx, "SELECT toUnixTimestamp64Nano(now64(9)) AS at", func(scan scanner) error {
		var nanos int64
		err := scan(&nanos)
		at = nanosOf(nanos)
		return err
	})
	return at, err
}

// nanosOf converts a time; those before 1970 are none.
func nanosOf(n int64) model.Nanos { return model.Nanos(max(n, 0)) }
