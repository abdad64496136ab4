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
	content, err := os.ReadFile(manifest)
	require.NoError(t, err)
	lines := regexp.MustCompile(`(?m)^[ -]+(?:gomod|import): .*$`).FindAllString(string(content), -1)
	require.NotEmpty(t, lines, "%s names no component", manifest)
	return lines
}

// A link that leads nowhere is found here and not by a newcomer.
func TestDocumentsLinkToWhatExists(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, document := range files(t, ".md") {
		content, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, match := range link.FindAllStringSubmatch(string(content), -1) {
			target := filepath.Join(filepath.Dir(document), match[1])
			_, err := os.Stat(target)
			assert.NoError(t, err, "%s links to %s, which is not there", document, match[1])
		}
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
