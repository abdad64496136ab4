// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestDocumentsLinkToWhatExists checks the file and the heading of every link.
func TestDocumentsLinkToWhatExists(t *testing.T) {
	documents := files(t, ".md")
	headings := map[string]map[string]bool{}
	for _, document := range documents {
		headings[document] = anchors(read(t, document))
	}
	link := regexp.MustCompile(`\]\(([^)#:\s]*)(?:#([^)\s]*))?\)`)
	for _, document := range documents {
		for _, match := range link.FindAllStringSubmatch(withoutCode(read(t, document)), -1) {
			target := document
			if match[1] != "" {
				target = filepath.Join(filepath.Dir(document), match[1])
			}
			_, err := os.Stat(target)
			assert.NoError(t, err, "%s links to %s, which does not exist", document, match[1])
			if known := headings[target]; match[2] != "" && known != nil {
				assert.True(t, known[match[2]], "%s links to #%s, a heading that %s does not have", document, match[2], target)
			}
		}
	}
}

// withoutCode removes fenced blocks, whose brackets are not links.
func withoutCode(document string) string {
	return regexp.MustCompile("(?ms)^ *```.*?^ *```$").ReplaceAllString(document, "")
}

// anchors are the fragments that GitHub gives to the headings of a document.
func anchors(document string) map[string]bool {
	found := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`).FindAllStringSubmatch(withoutCode(document), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(match[1], "$1"))
		unique := slug
		for n := 1; found[unique]; n++ {
			unique = fmt.Sprintf("%s-%d", slug, n)
		}
		found[unique] = true
	}
	return found
}

func TestAnchorsAreThoseOfGitHub(t *testing.T) {
	found := anchors("# Receiver `ebpf`\n\n## What is [new](new.md)?\n```sh\n# no heading\n```\n## observe spans, observe_metrics\n### With -f\n### With -f\n")
	assert.Equal(t, map[string]bool{
		"receiver-ebpf": true, "what-is-new": true, "observe-spans-observe_metrics": true, "with--f": true, "with--f-1": true,
	}, found)
}

// TestDocumentationIsInTheIndex finds pages that no reader of docs/index.md is led to.
func TestDocumentationIsInTheIndex(t *testing.T) {
	index := read(t, "docs/index.md")
	for _, pattern := range []string{"docs/*.md", "docs/tutorials/*.md", "docs/how-to/*.md", "docs/reference/*.md", "docs/explanation/*.md"} {
		pages, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, pages, pattern)
		for _, page := range pages {
			name := strings.TrimPrefix(filepath.ToSlash(page), "docs/")
			assert.True(t, name == "index.md" || strings.Contains(index, "]("+name+")"), "docs/index.md does not link to %s", page)
		}
	}
}
