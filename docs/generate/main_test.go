// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPagesAreCurrent(t *testing.T) {
	t.Chdir("../..")
	for name, generate := range pages() {
		page, err := generate()
		require.NoError(t, err)
		written, err := os.ReadFile("docs/reference/" + name)
		require.NoError(t, err)
		assert.True(t, string(written) == page, "docs/reference/%s is out of date: run `make generate-docs`", name)
	}
}

func TestKeysWithoutCommentsAreErrors(t *testing.T) {
	t.Chdir("../..")
	type undocumented struct {
		Port int `mapstructure:"port"`
	}
	k := keys{comments: comments{packages: map[string]map[string]*ast.StructType{}}}
	_, err := k.of(&undocumented{})
	require.EqualError(t, err, "port: add a doc comment to its field")
	k.errs = nil
	k.add(row{}, row{key: "port", kind: "integer", text: "The port."})
	k.add(row{}, row{key: "name", kind: "string"})
	require.Len(t, k.errs, 2)
	assert.EqualError(t, k.errs[0], "port: end the doc comment of its field with `Accepted: ...`")
	assert.EqualError(t, k.errs[1], "name: add a doc comment to its field")
}

func TestTexts(t *testing.T) {
	assert.Equal(t, "The size. Accepted: 1 or more.", sentence("Size is the\n size. Accepted: 1 or more.\n", "Size"))
	assert.Equal(t, "Serves pages.", sentence("Enabled serves pages.", "Enabled"))
	for want, d := range map[string]time.Duration{"24h": 24 * time.Hour, "1m30s": 90 * time.Second, "0s": 0, "10s": 10 * time.Second, "30m": 30 * time.Minute, "100ms": 100 * time.Millisecond} {
		assert.Equal(t, want, duration(d))
	}
	for want, n := range map[string]int64{"512MiB": 512 << 20, "0": 0, "1500": 1500, "3GiB": 3 << 30} {
		assert.Equal(t, want, size(reflect.ValueOf(n)))
	}
}
