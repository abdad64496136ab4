// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// source is one parsed Go file; its path is relative to the repository's root.
type source struct {
	path   string
	syntax *ast.File
}

func (f source) imports(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, spec := range f.syntax.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		require.NoError(t, err, f.path)
		paths = append(paths, p)
	}
	return paths
}

// sources parses the Go files of this repository that are written by hand or
// by our generators; what ocb writes is not ours to judge.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	for _, file := range files(t, ".go") {
		if within(file, []string{"distribution"}) {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		require.NoError(t, err)
		all = append(all, source{path: filepath.ToSlash(file), syntax: syntax})
	}
	require.NotEmpty(t, all)
	return all
}
