// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNamesAreWrittenOnce finds attribute, metric and event names that are
// written out although internal/semconv has a constant for them, and names of
// Tapio's own that its registry does not define.
func TestNamesAreWrittenOnce(t *testing.T) {
	files := sources(t)
	names := registeredNames(t, files)
	for _, f := range files {
		if !namesMustBeConstants(f) {
			continue
		}
		for _, literal := range literals(t, f.syntax) {
			assert.Empty(t, names[literal], "%s: write semconv.%s in place of %q", f.path, names[literal], literal)
			assert.False(t, strings.HasPrefix(literal, "tapio.") && !slices.Contains(noNames(), literal) && !strings.HasSuffix(literal, "."),
				"%s: define %q in internal/semconv/registry and run make generate-semconv", f.path, literal)
		}
	}
}

// noNames are literals with the prefix of our names that are something else:
// instrumentation scopes, the probe of tests and an example in a message.
func noNames() []string {
	return []string{"tapio.recordmetrics", "tapio.rules", "tapio.demo", "tapio.test", "tapio.example.com"}
}

// namesMustBeConstants is false for tests, which state what is expected in
// full, for generated code and for programs that know Tapio from outside.
func namesMustBeConstants(f source) bool {
	outside := []string{"test", "internal/semconv", "internal/tools", "internal/golden", "internal/promcompare"}
	return !strings.HasSuffix(f.path, "_test.go") && !within(f.path, outside) && path.Base(path.Dir(f.path)) != "metadata" && !ast.IsGenerated(f.syntax)
}

// registeredNames are the constants of internal/semconv by their value.
func registeredNames(t *testing.T, files []source) map[string]string {
	t.Helper()
	names := map[string]string{}
	for _, f := range files {
		if f.path != "internal/semconv/names.go" {
			continue
		}
		for _, declaration := range f.syntax.Decls {
			for _, spec := range declaration.(*ast.GenDecl).Specs {
				value := spec.(*ast.ValueSpec)
				name, err := strconv.Unquote(value.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				names[name] = value.Names[0].Name
			}
		}
	}
	require.NotEmpty(t, names)
	return names
}

// literals are the values of a file's strings, without its imports and tags.
func literals(t *testing.T, file *ast.File) []string {
	t.Helper()
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if n.Kind != token.STRING {
				return true
			}
			value, err := strconv.Unquote(n.Value)
			require.NoError(t, err)
			found = append(found, value)
		}
		return true
	})
	return found
}
