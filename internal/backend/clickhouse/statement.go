// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"math"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// statement is a SELECT in the making. Its text comes from this package alone; what
// callers ask for becomes parameters.
type statement struct {
	*conditions
	reader *connection
	schema *schema
}

// conditions writes what rows must meet.
type conditions struct{ *parameters }

// parameters are the values of a statement.
type parameters struct {
	native bool // protocol
	params map[string]string
	bytes  int
}

// maxParameterBytes bounds the parameters of a statement: over HTTP they are part of the
// URL, of which a server accepts 1 MiB.
const maxParameterBytes = 512 << 10

func (r *connection) newStatement(schema *schema) *statement {
	return &statement{reader: r, schema: schema, conditions: &conditions{&parameters{native: r.native, params: map[string]string{}}}}
}

// param adds a parameter and returns the expression that stands for it.
func (s *parameters) param(kind, value string) string {
	name := "p" + strconv.Itoa(len(s.params))
	s.params[name] = value
	s.bytes += len(value) + len(name) + len("&param_=")
	return "{" + name + ":" + kind + "}"
}

// text adds a text. The server reads parameters as fields of tab-separated values; over
// the native protocol they are quoted literals, too.
func (s *parameters) text(value string) string {
	value = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`, "\b", `\b`, "\f", `\f`).Replace(value)
	if s.native {
		value = strings.ReplaceAll(value, `\`, `\\`) // the client library escapes quotes only
	}
	return s.param("String", value)
}

// texts adds texts as the list behind IN.
func (s *parameters) texts(values []string) string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = s.text(v)
	}
	return "(" + strings.Join(list, ", ") + ")"
}

func (s *parameters) integer(n int64) string { return s.param("Int64", strconv.FormatInt(n, 10)) }

func (s *parameters) unsigned(n uint64) string { return s.param("UInt64", strconv.FormatUint(n, 10)) }

func (s *parameters) double(n float64) string {
	return s.param("Float64", strconv.FormatFloat(n, 'g', -1, 64))
}

// limit adds a number of rows.
func (s *parameters) limit(n int) string { return s.unsigned(uint64(max(n, 1))) }

// time adds a moment.
func (s *parameters) time(at model.Nanos) string {
	return "fromUnixTimestamp64Nano(" + s.integer(int64(min(at, math.MaxInt64))) + ")"
}

// check returns an error if the parameters are too large together.
func (s *parameters) check() error {
	if s.bytes > maxParameterBytes {
		return model.Exhausted("the conditions of the query have %d bytes, ClickHouse accepts %d: use fewer or shorter values", s.bytes, maxParameterBytes)
	}
	return nil
}

// all joins conditions.
func all(conditions []string) string {
	if len(conditions) == 0 {
		return "1"
	}
	return strings.Join(conditions, " AND ")
}

// anyOf joins conditions of which one must hold.
func anyOf(conditions []string) string { return "(" + strings.Join(conditions, " OR ") + ")" }

// identifier quotes the name of a table.
func identifier(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}
