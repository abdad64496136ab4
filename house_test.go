// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package tapio_test proves the laws of the house, which CONTRIBUTING.md
// explains: which package may import which, and what the source tree must not hold.
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
	module    = "github.com/tapio/tapio/"
	collector = "go.opentelemetry.io/collector"
	pdata     = collector + "/pdata"
	proto     = module + "proto"
)

// law forbids imports to some folders.
type law struct {
	text    string
	holdsIn []string // folders, with all below them
	except  []string // folders, with all below them
	forbids []string // import paths, with all below them
	allows  []string // import paths, with all below them, that forbids does not mean
	// tests that the law leaves alone, because a test may know both sides.
	sparesTests bool
}

func laws() []law {
	laws := []law{
		{
			text:    "pdata has one door: internal/otlp reads and writes it, the store, the engine and protoconv do not import it",
			holdsIn: []string{"internal/store", "internal/correlate", "internal/protoconv"},
			forbids: []string{pdata},
		},
		{
			text:    "proto has one door: internal/protoconv reads and writes it, neither the data path nor the engine knows it",
			holdsIn: []string{"internal/store", "internal/correlate", "internal/otlp", "receiver", "processor", "exporter", "connector"},
			forbids: []string{proto},
		},
		{
			text:    "the collector's SDK belongs to the components; under internal/ only internal/otlp knows it, and only pdata",
			holdsIn: []string{"internal"},
			except:  []string{"internal/otlp", "internal/golden", "internal/clickhousetest", "internal/elasticsearchtest", "internal/backend/conformance"}, // golden, clickhousetest and elasticsearchtest are modules of their own, conformance writes what tests need
			forbids: []string{collector},
		},
		{
			text:    "the collector's SDK belongs to the components; internal/otlp knows pdata and nothing else of it",
			holdsIn: []string{"internal/otlp"},
			forbids: []string{collector},
			allows:  []string{pdata},
		},
		{
			text:    "query is what every backend can answer: it knows the data model only",
			holdsIn: []string{"internal/query"},
			forbids: []string{module},
			allows:  []string{module + "internal/model", module + "internal/query", module + "internal/semconv"},
		},
		{
			text:    "the client knows the server by its proto only; protoconv and model replay what it printed",
			holdsIn: []string{"cmd/tapioctl"},
			forbids: []string{module},
			allows:  []string{proto, module + "client", module + "cmd/tapioctl", module + "internal/model", module + "internal/protoconv", module + "internal/semconv"},
		},
		{
			text:    "what tests and measures the built binaries does it from outside",
			holdsIn: []string{"test"},
			forbids: []string{module},
			allows:  []string{proto, module + "client", module + "test"},
		},
		{
			text:    "the client library is for other people's programs: of this module it needs proto, and ingestcontrol and semconv, which need nothing",
			holdsIn: []string{"client"},
			forbids: []string{module, collector},
			allows:  []string{proto, module + "client", module + "internal/ingestcontrol", module + "internal/semconv"},
		},
	}
	laws = append(laws, slices.Concat(lawsBelow(), lawsOfTheEngine(), lawsOfBackends(), lawsOfOtherSystems())...)
	kinds := []string{"receiver", "processor", "exporter", "connector", "extension"}
	for _, kind := range kinds {
		laws = append(laws, law{
			text:    "components never import each other: declare an interface and find the other through the host",
			holdsIn: []string{kind},
			forbids: modulePaths(slices.DeleteFunc(slices.Clone(kinds), func(k string) bool { return k == kind })),
		})
	}
	return laws
}

// lawsBelow are those of the packages under internal/.
func lawsBelow() []law {
	return []law{
		{
			text:        "below the components otlp, protoconv, store and correlate import model, semconv and panics and never each other",
			holdsIn:     []string{"internal"},
			except:      []string{"internal/tools", "internal/clickhousetest", "internal/elasticsearchtest", "internal/protoconv", "internal/store", "internal/query", "internal/correlate", "internal/backend", "internal/archive"},
			forbids:     []string{module},
			allows:      []string{module + "internal/model", module + "internal/semconv", module + "internal/panics"},
			sparesTests: true,
		},
		{
			text:    "the archive reads tails, writes OTLP, and knows neither the store nor the API",
			holdsIn: []string{"internal/archive"},
			forbids: []string{module},
			allows: []string{
				module + "internal/model", module + "internal/semconv", module + "internal/panics", module + "internal/query", module + "internal/otlp",
				module + "internal/archive",
			},
			sparesTests: true,
		},
		{
			text:        "the store imports model, semconv, query, which it implements, and its own packages",
			holdsIn:     []string{"internal/store"},
			forbids:     []string{module},
			allows:      []string{module + "internal/model", module + "internal/semconv", module + "internal/panics", module + "internal/query", module + "internal/store"},
			sparesTests: true,
		},
		{
			text:        "what the write-ahead log and the disk are made of does not know the store",
			holdsIn:     []string{"internal/store/wal", "internal/store/disk"},
			forbids:     []string{module},
			allows:      []string{module + "internal/store/disk", module + "internal/panics"},
			sparesTests: true,
		},
		{
			text:        "protoconv imports model, semconv, promname and proto",
			holdsIn:     []string{"internal/protoconv"},
			forbids:     []string{module},
			allows:      []string{module + "internal/model", module + "internal/semconv", module + "internal/promname", module + "internal/query", proto},
			sparesTests: true,
		},
	}
}

func modulePaths(folders []string) []string {
	paths := make([]string, len(folders))
	for i, folder := range folders {
		paths[i] = module + folder
	}
	return paths
}

// breaks reports whether the import, in that file, is against the law.
func (l law) breaks(file, imported string) bool {
	folder := path.Dir(file)
	spared := l.sparesTests && strings.HasSuffix(file, "_test.go")
	return within(folder, l.holdsIn) && !within(folder, l.except) && !spared &&
		within(imported, l.forbids) && !within(imported, l.allows)
}

// within reports whether the path is one of the roots or lies below one.
func within(p string, roots []string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return strings.HasPrefix(p+"/", strings.TrimSuffix(root, "/")+"/")
	})
}

func TestImportsKeepTheLaws(t *testing.T) {
	laws := laws()
	for _, f := range sources(t) {
		for _, imported := range f.imports(t) {
			for _, l := range laws {
				assert.False(t, l.breaks(f.path, imported), "%s must not import %s: %s", f.path, imported, l.text)
			}
		}
	}
}

func TestTheWordsNeedTheStandardLibraryOnly(t *testing.T) {
	for _, f := range sources(t) {
		if !slices.Contains([]string{"internal/model", "internal/semconv", "internal/panics"}, path.Dir(f.path)) || strings.HasSuffix(f.path, "_test.go") {
			continue
		}
		for _, imported := range f.imports(t) {
			if path.Dir(f.path) == "internal/model" && imported == module+"internal/semconv" {
				continue
			}
			assert.NotContains(t, strings.Split(imported, "/")[0], ".",
				"%s must not import %s: it imports the standard library only", f.path, imported)
		}
	}
}

// A second component of a kind must not lean on the first either; their own
// packages are theirs.
func TestComponentsOfAKindStandAlone(t *testing.T) {
	for _, f := range sources(t) {
		component := componentOf(module + f.path)
		for _, imported := range f.imports(t) {
			other := componentOf(imported)
			assert.False(t, component != "" && other != "" && component != other,
				"%s must not import %s: components never import each other", f.path, imported)
		}
	}
}

// componentOf returns "receiver/tapioreceiver" and the like, "" for a path
// outside the components.
func componentOf(importPath string) string {
	parts := strings.Split(strings.TrimPrefix(importPath, module), "/")
	if !strings.HasPrefix(importPath, module) || len(parts) < 2 ||
		!slices.Contains([]string{"receiver", "processor", "exporter", "connector", "extension"}, parts[0]) {
		return ""
	}
	return parts[0] + "/" + parts[1]
}

func TestNothingHappensAtImport(t *testing.T) {
	for _, f := range sources(t) {
		if ast.IsGenerated(f.syntax) {
			continue
		}
		for _, decl := range f.syntax.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			assert.False(t, ok && fn.Recv == nil && fn.Name.Name == "init",
				"%s has an init function: build what it builds where it is used, and pass it on", f.path)
		}
	}
}

func TestFoldersSayWhatTheyHold(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "misc"}
	for _, f := range sources(t) {
		parts := strings.Split(path.Dir(f.path), "/")
		for _, part := range parts {
			assert.NotContains(t, vague, part, "%s: name the folder after what it does", f.path)
		}
		nested := slices.DeleteFunc(parts, func(part string) bool { return part != "internal" })
		assert.LessOrEqual(t, len(nested), 1, "%s: an internal folder inside an internal folder hides nothing more", f.path)
	}
}

// The laws themselves, tried on what they are there to catch and to let pass.
func TestTheLawsCatch(t *testing.T) {
	for _, c := range []struct {
		file, imported string
		broken         bool
	}{
		{"internal/store/store.go", pdata + "/plog", true},
		{"internal/store/seal.go", module + "internal/panics", false},
		{"internal/otlp/logs.go", pdata + "/plog", false},
		{"internal/otlp/logs.go", collector + "/component", true},
		{"internal/otlp/logs.go", proto + "/tapio/v1", true},
		{"internal/protoconv/event.go", proto + "/tapio/v1", false},
		{"internal/protoconv/event.go", module + "internal/store", true},
		{"internal/store/internal/chunk/chunk.go", module + "internal/otlp", true},
		{"internal/store/store_test.go", module + "internal/otlp", false},
		{"internal/store/store.go", module + "internal/store/wal", false},
		{"internal/store/store.go", module + "internal/otlp", true},
		{"internal/store/reader.go", module + "internal/query", false},
		{"internal/query/reader.go", module + "internal/store", true},
		{"internal/store/wal/log.go", module + "internal/store", true},
		{"exporter/tapioexporter/exporter.go", module + "extension/tapioextension", true},
		{"exporter/tapioexporter/exporter.go", module + "internal/store", false},
		{"extension/tapioextension/internal/api/logs.go", proto + "/tapio/v1", false},
		{"cmd/tapioctl/main.go", module + "internal/store", true},
		{"cmd/tapioctl/main.go", proto + "/tapio/v1", false},
		{"test/e2e/e2e_test.go", module + "internal/store", true},
		{"test/e2e/e2e_test.go", module + "client", false},
		{"client/writer.go", module + "internal/protoconv", true},
		{"client/writer.go", proto + "/tapio/v1", false},
	} {
		broken := slices.ContainsFunc(laws(), func(l law) bool { return l.breaks(c.file, c.imported) })
		assert.Equal(t, c.broken, broken, "%s importing %s", c.file, c.imported)
	}
}
