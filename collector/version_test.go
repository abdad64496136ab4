// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestVersionOfABuild(t *testing.T) {
	before := []string{version, commit, date}
	t.Cleanup(func() { version, commit, date = before[0], before[1], before[2] })
	for _, c := range []struct{ version, commit, date, want string }{
		{"", "", "", "0.1.0"},                // go build, without the Makefile
		{"0.2.0", "", "2026-11-29", "0.2.0"}, // a tag
		{"0.2.0", "5bb4fa3", "2026-11-29", "0.2.0+20261129.5bb4fa3"},
		{"0.2.0", "5bb4fa3", "", "0.2.0+5bb4fa3"},
	} {
		version, commit, date = c.version, c.commit, c.date
		assert.Equal(t, c.want, versionOf("0.1.0"))
	}
}
