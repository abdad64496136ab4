// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parsed is an answer as a client reads it.
type parsed struct {
	Notice    string
	Truncated bool
	Hint      string
	Data      map[string]json.RawMessage `json:"untrusted_data"`
}

func parse(t *testing.T, a *answer) (parsed, int) {
	t.Helper()
	text, err := a.text()
	require.NoError(t, err)
	var p parsed
	require.NoError(t, json.Unmarshal([]byte(text), &p), text)
	wire, err := json.Marshal(text)
	require.NoError(t, err)
	return p, len(wire)
}

// However much a record takes in JSON, an answer stays within its bound, holds the
// items that fit, and says that others do not.
func TestAnswersAreBounded(t *testing.T) {
	for name, filling := range map[string]string{
		"text": "x", "quotes": `"`, "markup": "<", "backslashes": `\`, "lines": "\n", "wide": "漢", "control": "\x01",
	} {
		a := &answer{hint: "request less"}
		a.set("first", map[string]string{"id": "one"})
		for range 3 {
			items := make([]any, 100)
			for i := range items {
				items[i] = map[string]string{"body": short(strings.Repeat(filling, 5000), bodyBytes)}
			}
			a.add("list", items...)
		}
		p, size := parse(t, a)
		assert.LessOrEqual(t, size, 50_000, name)
		assert.Greater(t, size, 30_000, "%s: it holds what fits", name)
		assert.True(t, p.Truncated, name)
		assert.Equal(t, "request less", p.Hint, name)
		assert.JSONEq(t, `{"id":"one"}`, string(p.Data["first"]), name)
	}
}

func TestSmallAnswersAreWhole(t *testing.T) {
	a := &answer{hint: "request less"}
	a.add("items", 1, 2)
	a.add("none")
	a.set("nothing", nil)
	p, _ := parse(t, a)
	assert.False(t, p.Truncated)
	assert.Empty(t, p.Hint)
	assert.Equal(t, notice, p.Notice)
	assert.JSONEq(t, `[1,2]`, string(p.Data["items"]))
	assert.JSONEq(t, `[]`, string(p.Data["none"]))
	a.more = true
	p, _ = parse(t, a)
	assert.Equal(t, "request less", p.Hint, "the query has more")
}

func TestShortKeepsRunesWhole(t *testing.T) {
	assert.Equal(t, "ab", short("ab", 2))
	assert.Equal(t, "漢 [cut: 3 more bytes]", short("漢字", 4))
}

func TestMomentsAreReadInBothForms(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := &server{Options: Options{Now: func() time.Time { return now }}}
	times, err := s.timeRange("2h", "2026-01-02T02:00:00+00:00")
	require.NoError(t, err)
	assert.Equal(t, "2026-01-02T01:04:05Z", timeText(times.Start))
	assert.Equal(t, "2026-01-02T02:00:00Z", timeText(times.End))
	times, err = s.timeRange("", "")
	require.NoError(t, err)
	assert.Equal(t, "2026-01-02T02:04:05Z", timeText(times.Start))
	times, err = s.timeRange("1d", "now")
	require.NoError(t, err)
	assert.Equal(t, "2026-01-01T03:04:05Z", timeText(times.Start))
	for _, wrong := range [][2]string{{"yesterday", ""}, {"1h", "2h"}, {"1h", "x"}, {"0001-01-01T00:00:00Z", ""}, {"9999999d", ""}} {
		_, err := s.timeRange(wrong[0], wrong[1])
		assert.Error(t, err, "%v", wrong)
	}
}
