// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestParseAge(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1h30m": 90 * time.Minute, "3d": 3 * day, "1d12h": 36 * time.Hour, "1w": 7 * day,
		"2w3d4h": 17*day + 4*time.Hour, "1.5d": 36 * time.Hour, "0.5w": 84 * time.Hour, "1w30m": 7*day + 30*time.Minute,
	} {
		got, err := selector.ParseAge(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "0s", "-1m", "0d", "-1d", "d", "w", "99999999d", "1x", "12h1d", "1d1w", "1dd", "NaNd", "Infd"} {
		_, err := selector.ParseAge(text)
		assert.Error(t, err, text)
	}
}

func TestParseMoment(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	a := &render.Clock{Now: testNow, Zone: berlin}
	for text, want := range map[string]string{
		"2026-11-28":                     "2026-11-27T23:00:00Z",
		"2026-11-28T10:30:00":            "2026-11-28T09:30:00Z",
		"2026-11-28 10:30:00":            "2026-11-28T09:30:00Z",
		"2026-11-28 10:30":               "2026-11-28T09:30:00Z",
		"2026-11-28T10:30":               "2026-11-28T09:30:00Z",
		"2026-11-28T00:00:00Z":           "2026-11-28T00:00:00Z",
		"2026-11-28T00:00:00+02:00":      "2026-11-27T22:00:00Z",
		"2026-11-28T00:00:00.123456789Z": "2026-11-28T00:00:00.123456789Z",
		"1764354000":                     "2025-11-28T18:20:00Z",
		"1764354000123":                  "2025-11-28T18:20:00.123Z",
		"1764354000123456789":            "2025-11-28T18:20:00.123456789Z",
		"1d12h":                          testNow().Add(-36 * time.Hour).Format(time.RFC3339Nano),
	} {
		got, err := selector.ParseMoment(a, "--since", text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got.AsTime().Format(time.RFC3339Nano), text)
	}
	for _, text := range []string{"yesterday", "28.11.2026", "2026-13-01", "-1h", "0"} {
		_, err := selector.ParseMoment(a, "--since", text)
		require.Error(t, err, text)
		assert.Contains(t, err.Error(), text)
		assert.Contains(t, err.Error(), "1d12h")
	}
}

// All times of one output are in one zone: UTC, unless the user wants another.
func TestTimeZone(t *testing.T) {
	c := newCLI(t, &fakeServer{getLogs: func(*tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
		return &tapiov1.GetLogsResponse{Logs: []*tapiov1.Event{sampleEvent()}}, nil
	}})
	c.env["TZ"] = "Asia/Kolkata"
	assert.Contains(t, c.run(t, "get", "logs").out, "Nov 23 14:29:00.000")
	assert.Contains(t, c.run(t, "get", "logs", "--time-zone", "Asia/Kolkata").out, "Nov 23 19:59:00.000")
	c.env["TAPIO_TIME_ZONE"] = "Asia/Kolkata"
	assert.Contains(t, c.run(t, "get", "logs").out, "Nov 23 19:59:00.000")
	r := c.run(t, "get", "logs", "--time-zone", "Mars/Base")
	assert.Equal(t, exitcode.Usage, r.code)
	assert.Contains(t, r.errOut, `invalid --time-zone "Mars/Base"`)
}
