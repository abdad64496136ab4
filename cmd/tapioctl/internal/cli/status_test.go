// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestStatus(t *testing.T) {
	c := newCLI(t, &fakeServer{
		health: sampleHealth(tapiov1.HealthCheckResponse_STATUS_DEGRADED), info: sampleInfo,
	})
	r := c.run(t, "status")
	requireSuccess(t, r)
	requireGolden(t, "status.golden", r.out)
}

func TestStatusOfServerThatDoesNotServe(t *testing.T) {
	c := newCLI(t, &fakeServer{
		health: sampleHealth(tapiov1.HealthCheckResponse_STATUS_NOT_SERVING), info: sampleInfo,
	})
	r := c.run(t, "status", "-o", "json")
	assert.Equal(t, exitcode.Refused, r.code)
	assert.Equal(t, "tapioctl: the server at passthrough:///fake does not serve\n", r.errOut)

	var got struct {
		Health struct{ Status string }
		Info   struct{ Version string }
	}
	require.NoError(t, json.Unmarshal([]byte(r.out), &got))
	assert.Equal(t, "STATUS_NOT_SERVING", got.Health.Status)
	assert.Equal(t, "0.1.0", got.Info.Version)
}

func TestColors(t *testing.T) {
	for name, test := range map[string]struct {
		color      string
		env        map[string]string
		isTerminal bool
		want       bool
	}{
		"terminal":     {color: "auto", isTerminal: true, want: true},
		"pipe":         {color: "auto"},
		"NO_COLOR":     {color: "auto", isTerminal: true, env: map[string]string{"NO_COLOR": "1"}},
		"dumb":         {color: "auto", isTerminal: true, env: map[string]string{"TERM": "dumb"}},
		"always":       {color: "always", env: map[string]string{"NO_COLOR": "1"}, want: true},
		"never":        {color: "never", isTerminal: true},
		"case folding": {color: "ALWAYS", want: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCLI(t, &fakeServer{health: sampleHealth(tapiov1.HealthCheckResponse_STATUS_SERVING), info: sampleInfo})
			c.app.Out.Terminal = test.isTerminal
			for k, v := range test.env {
				c.env[k] = v
			}
			r := c.run(t, "status", "--color", test.color)
			requireSuccess(t, r)
			if test.want {
				assert.Contains(t, r.out, "\x1b[32mSERVING\x1b[0m")
			} else {
				assert.NotContains(t, r.out, "\x1b")
			}
		})
	}
}
