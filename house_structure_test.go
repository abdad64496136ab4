// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

const (
	maxPackageFiles = 25
	maxTypeMethods  = 30
)

// largePackages are those with more files than a package should have, with the most
// that each may have. Lower the numbers, do not raise them; add no package.
func largePackages() map[string]int {
	return map[string]int{
		"extension/tapioextension": 40,
		"internal/correlate":       90,
		"internal/model":           34,
		"internal/otlp":            31,
		"internal/profilerules":    33,
		"internal/protoconv":       64,
		"internal/store":           82,
		"test/bench":               29,
		"test/simulate/world":      29,
	}
}

// largeTypes are likewise those with more methods than a type should have.
func largeTypes() map[string]int {
	return map[string]int{
		"extension/tapioextension.tapioExtension":          68,
		"extension/tapioextension/internal/mcp.server":     37,
		"extension/tapioextension/internal/notify.Manager": 42,
		"internal/backend/conformance.suite":               48,
		"internal/backend/federation.Reader":               40,
		"internal/correlate.group":                         39,
		"internal/correlate/report.Incident":               55,
		"internal/store.Store":                             60,
		"test/simulate/world.World":                        69,
	}
}

func TestPackagesAreSmall(t *testing.T) {
	counts := map[string]int{}
	for _, f := range sources(t) {
		if !strings.HasSuffix(f.path, "_test.go") && !ast.IsGenerated(f.syntax) {
			counts[path.Dir(f.path)]++
		}
	}
	for folder, n := range counts {
		most := max(maxPackageFiles, largePackages()[folder])
		assert.LessOrEqual(t, n, most, "%s has %d files, the most is %d: split it by job", folder, n, most)
	}
	for folder := range largePackages() {
		assert.Greater(t, counts[folder], maxPackageFiles, "%s is small enough: remove it from largePackages", folder)
	}
}

func TestTypesHaveFewMethods(t *testing.T) {
	counts := map[string]int{}
	for _, f := range sources(t) {
		if strings.HasSuffix(f.path, "_test.go") || ast.IsGenerated(f.syntax) {
			continue
		}
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv != nil {
				counts[path.Dir(f.path)+"."+receiverType(fn.Recv.List[0].Type)]++
			}
		}
	}
	for name, n := range counts {
		most := max(maxTypeMethods, largeTypes()[name])
		assert.LessOrEqual(t, n, most, "%s has %d methods, the most is %d: split it by job", name, n, most)
	}
	for name := range largeTypes() {
		assert.Greater(t, counts[name], maxTypeMethods, "%s is small enough: remove it from largeTypes", name)
	}
}

func receiverType(of ast.Expr) string {
	switch e := of.(type) {
	case *ast.StarExpr:
		return receiverType(e.X)
	case *ast.IndexExpr:
		return receiverType(e.X)
	case *ast.IndexListExpr:
		return receiverType(e.X)
	case *ast.Ident:
		return e.Name
	default:
		return ""
	}
}

// layers are packages in import order: each may import those before it only. Of these
// folders a package that is not listed may be imported by any.
func layers() map[string][]string {
	return map[string][]string{
		"cmd/tapioctl/internal":             {"exitcode", "render", "selector", "dial", "input", "app", "profile", "observe", "get", "send", "cli"},
		"extension/tapioextension/internal": {"admission", "auth", "calls", "ingest", "stream", "gateway", "api"},
		"internal/correlate":                {"bound", "hash", "lru", "baseline", "bucket", "origin", "logtemplate", "failure", "kernelrule", "detect", "report"},
		"internal/store":                    {"disk", "wal", "colenc", "intern", "budget", "ngram", "segmentfile", "rowcode", "segment", "aggregate"},
		"receiver/ebpfreceiver/internal":    {"kernel", "emit", "dns", "protocol", "profile", "probe"},
	}
}

func TestImportsFollowTheLayers(t *testing.T) {
	for _, f := range sources(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		for _, imported := range f.imports(t) {
			assert.False(t, goesUp(path.Dir(f.path), imported), "%s must not import %s, which is above it", f.path, imported)
		}
	}
}

// goesUp reports whether the import is against the order of layers, or is that of a
// package above in the tree.
func goesUp(folder, imported string) bool {
	target, ours := strings.CutPrefix(imported, module)
	if !ours {
		return false
	}
	if target != folder && strings.HasPrefix(folder+"/", target+"/") {
		return !strings.HasSuffix(folder, "test") // a package for tests serves the one above it
	}
	for root, order := range layers() {
		from, to := slices.Index(order, below(root, folder)), slices.Index(order, below(root, target))
		if from >= 0 && to > from {
			return true
		}
	}
	return false
}

// below is the first element of the path below the root, "" for none.
func below(root, folder string) string {
	rest, found := strings.CutPrefix(folder, root+"/")
	if !found {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

func TestTheLayersCatch(t *testing.T) {
	for _, c := range []struct {
		folder, imported string
		up               bool
	}{
		{"internal/store/colenc", module + "internal/store", true},
		{"internal/store/colenc", module + "internal/store/budget", true},
		{"internal/store/budget", module + "internal/store/colenc", false},
		{"internal/store", module + "internal/store/colenc", false},
		{"internal/store/disk/disktest", module + "internal/store/disk", false},
		{"cmd/tapioctl/internal/render", module + "cmd/tapioctl/internal/app", true},
		{"extension/tapioextension/internal/ingest", module + "extension/tapioextension/internal/api", true},
		{"cmd/tapioctl/internal/cli", module + "cmd/tapioctl/internal/demo", false},
		{"internal/store", "go.uber.org/zap", false},
	} {
		assert.Equal(t, c.up, goesUp(c.folder, c.imported), "%s importing %s", c.folder, c.imported)
	}
}
