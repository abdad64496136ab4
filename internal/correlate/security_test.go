// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// starts reports that a descendant of the ancestors, the parent first, began to run a
// program.
func (s *seen) starts(program, path string, ancestors ...string) {
	names := make([]model.Value, len(ancestors))
	for i, name := range ancestors {
		names[i] = model.StringValue(name)
	}
	s.e.ObserveEvents([]model.Event{{Time: s.at, Name: execEvent, Resource: hostOf(""), Attributes: model.Attributes{
		{Key: origin.ProgramKey, Value: model.StringValue(program)},
		{Key: "process.executable.path", Value: model.StringValue(path)},
		{Key: "tapio.process.ancestor_names", Value: model.ArrayValue(names...)},
	}}})
}

func TestAServerThatRunsAFetchedFileIsASecurityIncident(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(3700, func() { s.call(true, 3e6) })
	require.Empty(t, s.last)
	s.starts("xmrig", "/dev/shm/xmrig", "sh", "pay", "systemd")
	s.live(15, func() { s.call(true, 3e6) })
	g := s.only(t)
	assert.Equal(t, model.GroupSecurity, g.Type)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name)
	assert.Contains(t, g.Title, "pay started xmrig (/dev/shm/xmrig)")
	assert.Contains(t, g.Actions[0].Commands[0], "tapio.process.exec")
}

func TestWhatAServerStartsIsNoIncidentWhere(t *testing.T) {
	for name, c := range map[string]struct {
		known         int
		program, path string
		parent        string
	}{
		"it is a shell":             {3700, "sh", "/bin/sh", "pay"},
		"its baseline is not known": {600, "xmrig", "/dev/shm/xmrig", "pay"},
		"it serves no one":          {3700, "build", "/tmp/go-build/build", "go"},
		"it is its own":             {3700, "worker", "/usr/lib/pay/worker", "pay"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &seen{shop: newShop(t, Config{})}
			s.live(c.known, func() { s.call(true, 3e6) })
			s.starts(c.program, c.path, c.parent)
			s.live(15, func() { s.call(true, 3e6) })
			assert.Empty(t, s.last)
		})
	}
}

func TestFilesThatAreDeniedAreASecurityIncident(t *testing.T) {
	s := &seen{shop: newShop(t, Config{})}
	s.live(75, func() { s.call(true, 3e6) })
	s.live(30, func() {
		s.call(true, 3e6)
		s.event("pay", "", "tapio.file.open", "error.type", "EACCES", "file.directory", "/etc/ssl/private")
		s.event("pay", "", "tapio.file.open", "error.type", "ENOENT", "file.directory", "/etc/else")
	})
	g := s.only(t)
	assert.Equal(t, model.GroupSecurity, g.Type)
	assert.Contains(t, g.Title, "pay has been denied access to files since 22:14:35 UTC: /etc/ssl/private (EACCES)")
}
