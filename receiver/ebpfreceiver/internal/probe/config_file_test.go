// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheLongestPathDecides(t *testing.T) {
	config := DefaultFileConfig()
	config.Paths = []string{"/etc", "/var/log/app-*", "/var/lib/data/kept/"}
	config.ExcludePaths = []string{"/etc/ssl", "/etc/hosts", "/var/lib/data"}
	require.NoError(t, config.Validate())
	rules := config.rules()
	for file, want := range map[string]bool{
		"/etc": true, "/etc/passwd": true, "/etcetera": false, "/etc/ssl/x": false, "/etc/sslx": true, "/etc/hosts": false,
		"/etc/hosts.deny": true, "/var/log/app-1/x": true, "/var/log/app": false, "/var/lib/data/kept/x": true,
		"/var/lib/data/x": false, "/": false, "": false,
	} {
		assert.Equal(t, want, wants(rules, file), file)
	}
	all := FileConfig{Paths: []string{"/"}}
	assert.True(t, wants(all.rules(), "/anything"))
}

func TestPathsThatCannotBeComparedAreRefused(t *testing.T) {
	for path, want := range map[string]string{
		"etc": "paths[0]: must be absolute", "/a/../b": `write "/b"`, "/a//b": `write "/a/b"`, "/a*b": "a star at its end only",
		"/" + strings.Repeat("a", 250): "at most 250 bytes", "": "must be absolute",
	} {
		config := DefaultFileConfig()
		config.Paths = []string{path}
		assert.ErrorContains(t, config.Validate(), want, path)
	}
	config := DefaultFileConfig()
	config.Paths = make([]string, 129)
	assert.ErrorContains(t, config.Validate(), "must be at most 128, are 129")
	config = DefaultFileConfig()
	config.Paths = []string{"/a"}
	config.WriteInterval = 0
	assert.ErrorContains(t, config.Validate(), "write_interval: must be 1s or more")
}
