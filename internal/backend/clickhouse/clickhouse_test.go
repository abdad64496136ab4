// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func newTestReader(t *testing.T, endpoint string) *Reader {
	t.Helper()
	r, err := New(Options{Endpoint: endpoint, Database: "otel", Timeout: time.Second, Tables: DefaultTables(), Now: time.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

func TestEndpoints(t *testing.T) {
	for endpoint, address := range map[string]string{
		"clickhouse://db": "db:9000", "tcp://db:19000": "db:19000", "http://db": "db:8123", "https://db": "db:8443", "http://[::1]:99": "[::1]:99",
	} {
		settings, _, err := (&Options{Endpoint: endpoint}).connection()
		require.NoError(t, err, endpoint)
		require.Equal(t, []string{address}, settings.Addr)
	}
	for _, endpoint := range []string{"", "localhost:9000", "postgres://db", "http://"} {
		require.ErrorContains(t, CheckEndpoint(endpoint), "endpoint: ", endpoint)
	}
}

// No text of a caller is part of a statement, whatever it holds.
func TestTextsAreParameters(t *testing.T) {
	hostile := "x' OR 1=1 -- \\' {p0:String} `\n\t"
	selector, err := model.NewSelector(hostile, "=", []string{hostile})
	require.NoError(t, err)
	matching, err := model.NewSelector("key", "=~", []string{"x' OR 1=1.*"})
	require.NoError(t, err)
	s := newTestReader(t, "http://localhost").newStatement(&schema{columns: map[string]map[string]bool{"otel_logs": {"EventName": true}}})
	q := model.EventQuery{Filter: model.Filter{
		Selectors: []model.Selector{selector, matching}, Text: hostile, Services: []string{hostile}, Namespaces: []string{hostile}, EventNames: []string{hostile, hostile + "*"},
	}}
	require.NotContains(t, all(s.events(s.logs(), &q)), "OR 1=1")
	spans := model.TraceQuery{Operations: []string{hostile}, Tags: []model.SpanTag{{Key: hostile, Value: hostile}, {Key: "w3c.tracestate", Value: hostile}}}
	require.NotContains(t, all(s.spans(s.traces(), &spans)), "OR 1=1")
	require.NotContains(t, s.pairs(s.logs(), []string{hostile}), "OR 1=1")
}

func TestTextsAreEscapedForTheProtocol(t *testing.T) {
	over := func(endpoint string) string {
		s := newTestReader(t, endpoint).newStatement(nil)
		require.Equal(t, "{p0:String}", s.text("a\\b\tc"))
		return s.params["p0"]
	}
	require.Equal(t, `a\\b\tc`, over("http://localhost"))
	require.Equal(t, `a\\\\b\\tc`, over("clickhouse://localhost"))
}

func TestTooManyBytesOfParameters(t *testing.T) {
	s := newTestReader(t, "http://localhost").newStatement(nil)
	for range 200 {
		s.text(string(make([]byte, 4096)))
	}
	var exhausted *model.ExhaustedError
	require.ErrorAs(t, s.check(), &exhausted)
}

func TestSeverityTextsAreThoseOfTheModel(t *testing.T) {
	for _, text := range severityTexts() {
		require.NotEqual(t, model.SeverityUnspecified, model.SeverityOfText(text), text)
	}
}

func TestFoldedLetters(t *testing.T) {
	from, to := []rune(foldedFrom), []rune(foldedTo)
	require.Len(t, to, len(from))
	for i := range from {
		require.Equal(t, string(to[i]), model.FoldText(string(from[i])))
	}
}

func TestPlacesInIDs(t *testing.T) {
	r := newTestReader(t, "http://localhost")
	e := model.Event{Time: 1_790_000_000_123_456_789, Seq: 42}
	r.Identify(&e)
	at, seq, ok := placeOf(e.ID)
	require.True(t, ok)
	require.Equal(t, e.Time, at)
	require.Equal(t, e.Seq, seq)
	for _, id := range []string{"", "x", "ch-", "ch-1", "ch-z-1", "1-2"} {
		_, _, ok := placeOf(id)
		require.False(t, ok, id)
	}
}
