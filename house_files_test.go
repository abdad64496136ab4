// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every configuration of the everyday distribution runs on the full one too.
func TestFullContainsEveryday(t *testing.T) {
	full := components(t, "distribution/full/builder-config.yaml")
	for _, component := range components(t, "builder-config.yaml") {
		assert.Contains(t, full, component, "distribution/full/builder-config.yaml lacks what builder-config.yaml has")
	}
}

// components returns the lines of a manifest that name a module or a package.
func components(t *testing.T, manifest string) []string {
	t.Helper()
	lines := regexp.MustCompile(`(?m)^[ -]+(?:gomod|import): .*$`).FindAllString(read(t, manifest), -1)
	require.NotEmpty(t, lines, "%s names no component", manifest)
	return lines
}

// Generated code and the library that runs it belong together, and so do the
// schema that buf sees and the one that Go is linked with.
func TestGeneratorsMatchTheirLibraries(t *testing.T) {
	for module, also := range map[string]string{
		"google.golang.org/protobuf":                "Makefile",
		"github.com/grpc-ecosystem/grpc-gateway/v2": "Makefile",
		"go.opentelemetry.io/proto/otlp":            "internal/tools/go.mod",
	} {
		version := regexp.MustCompile(regexp.QuoteMeta(module) + `[^@ \n]*[@ ](v[0-9.]+)`)
		wanted := version.FindStringSubmatch(read(t, "go.mod"))
		require.NotNil(t, wanted, "go.mod does not name %s", module)
		for _, found := range version.FindAllStringSubmatch(read(t, also), -1) {
			assert.Equal(t, wanted[1], found[1], "%s and go.mod must have the same version of %s", also, module)
		}
	}
}

// The index of the decisions has a row with the title, status and date of each.
func TestDecisionsAreListed(t *testing.T) {
	index := read(t, "docs/adr/README.md")
	head := regexp.MustCompile(`^# (\d{4}) (.+)\n\nStatus: ([^.]+)\. Date: (\d{4}-\d\d-\d\d)\.`)
	records, err := filepath.Glob("docs/adr/[0-9]*.md")
	require.NoError(t, err)
	require.NotEmpty(t, records)
	for _, record := range records {
		found := head.FindStringSubmatch(read(t, record))
		if assert.NotNil(t, found, "%s must begin with `# NNNN Title`, an empty line and `Status: accepted. Date: YYYY-MM-DD.`", record) {
			row := fmt.Sprintf("| [%s](%s) | %s | %s | %s |", found[1], filepath.Base(record), found[2], found[3], found[4])
			assert.True(t, strings.Contains(index, row+"\n"), "docs/adr/README.md lacks the row %s", row)
		}
	}
}

// A dashboard or an alert for a metric that there is not would stay silent.
func TestMonitoringNamesMetricsThatThereAre(t *testing.T) {
	declared := read(t, "extension/tapioextension/metadata.yaml") + read(t, "processor/semanticcorrelationprocessor/metadata.yaml") +
		read(t, "exporter/tapioexporter/metadata.yaml")
	for _, file := range []string{"docs/monitoring/dashboard.json", "docs/monitoring/alerts.yaml"} {
		names := regexp.MustCompile(`otelcol_(tapio_[a-z_]+)`).FindAllStringSubmatch(read(t, file), -1)
		require.NotEmpty(t, names)
		for _, name := range names {
			assert.Contains(t, declared, "    "+strings.TrimSuffix(name[1], "_bucket")+":\n", "%s names it", file)
		}
	}
}

// A file with a blank or a comma in its name is most likely the output of a mistyped command.
func TestNamesOfFilesAreCommon(t *testing.T) {
	common := regexp.MustCompile(`^[A-Za-z0-9._/@-]+$`)
	for _, file := range files(t, "") {
		assert.Regexp(t, common, file)
	}
}

// files lists the repository's files with that extension, hidden folders aside.
func files(t *testing.T, extension string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("walk the repository: %w", err)
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return fs.SkipDir
		case !entry.IsDir() && strings.HasSuffix(name, extension):
			found = append(found, name)
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(content)
}
