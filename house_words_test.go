// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"fmt"
	"go/ast"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// privateWords are words that a reader would have to decode, or would not search for,
// with what to write instead.
func privateWords() map[string]string {
	return map[string]string{
		`told|tells?|telling`:     "report, log, return, show",
		`nobody|somebody`:         "no one, someone",
		`whom|lest|whoever`:       "who, so that ... not",
		`anew|begins? anew`:       "again, restart",
		`mend|mends|mended`:       "fix, correct",
		`slots?`:                  "bucket, interval",
		`suspects?`:               "candidate",
		`graver?`:                 "higher",
		`askers?|kin`:             "caller",
		`steers?|steering`:        "flow control",
		`seal|seals|sealed`:       "compress, compact, flush",
		`for want of|way in`:      "out of, protocol",
		`is no field|has no room`: "unknown field, out of memory",
		`asks? (it|again)`:        "query, request, retry",
		`(log|message|it) says`:   "reports, has",
	}
}

// badWords returns the private words in a text that people read.
func badWords(text string) (found []string) {
	for words, instead := range privateWords() {
		for _, word := range regexp.MustCompile(`(?i)\b(?:`+words+`)\b`).FindAllString(text, -1) {
			found = append(found, fmt.Sprintf("%q: write %s", word, instead))
		}
	}
	return found
}

// TestTextsUseCommonWords checks the messages, errors and help texts of the
// programs, and the descriptions of metrics.
func TestTextsUseCommonWords(t *testing.T) {
	for _, f := range sources(t) {
		if strings.HasSuffix(f.path, "_test.go") || within(f.path, []string{"test", "internal/tools"}) || ast.IsGenerated(f.syntax) {
			continue
		}
		for _, text := range literals(t, f.syntax) {
			if strings.Contains(text, " ") && !isInternalUnit(text) {
				assert.Empty(t, badWords(text), "%s: %q", f.path, text)
			}
		}
	}
	description := regexp.MustCompile(`(?m)^ *(?:brief|description): (.+)$`)
	for _, file := range files(t, ".yaml") {
		if within(file, []string{"receiver", "processor", "exporter", "connector", "extension", "internal/semconv"}) {
			for _, match := range description.FindAllStringSubmatch(read(t, file), -1) {
				assert.Empty(t, badWords(match[1]), "%s: %s", file, match[1])
			}
		}
	}
}

// isInternalUnit spares the engine's name for what it counts in a bucket.
func isInternalUnit(text string) bool { return text == "per slot" }

// TestDocumentsUseCommonWords checks all documents for users, and the headings of decisions.
func TestDocumentsUseCommonWords(t *testing.T) {
	heading := regexp.MustCompile(`(?m)^#{1,6} .+$`)
	for _, document := range files(t, ".md") {
		if within(document, []string{"CHANGELOG.md"}) {
			continue
		}
		prose := withoutCode(read(t, document))
		if within(document, []string{"docs/adr"}) {
			prose = strings.Join(heading.FindAllString(prose, -1), "\n")
		}
		for i, line := range strings.Split(prose, "\n") {
			assert.Empty(t, badWords(line), "%s, line %d without code blocks: %s", document, i+1, line)
		}
	}
}

// privateComments are the packages whose comments are still to be rewritten.
func privateComments() []string { return []string{"internal/correlate"} }

// TestCommentsUseCommonWords checks the comments and the names of functions, those
// of tests included.
func TestCommentsUseCommonWords(t *testing.T) {
	private := regexp.MustCompile(`(?i)\b(?:told|tells?|nobody|somebody|whoever|whom|lest|anew|mend|mends|mended|graver?|askers?|suspects?|steers?|steering)\b`)
	name := regexp.MustCompile(`(?:\b(?:told|tells?|nobody|mends?|suspects?|askers?)|Told|Tells?|Nobody|Mends?|Suspects?|Askers?)(?:[A-Z]|$)`)
	checked := 0
	for _, f := range sources(t) {
		if within(f.path, privateComments()) || f.path == "house_words_test.go" || ast.IsGenerated(f.syntax) {
			continue
		}
		for _, group := range f.syntax.Comments {
			checked++
			assert.Empty(t, private.FindAllString(group.Text(), -1), "%s: %s", f.path, group.Text())
		}
		for _, declaration := range f.syntax.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok {
				assert.False(t, name.MatchString(function.Name.Name), "%s: %s", f.path, function.Name.Name)
			}
		}
	}
	require.Positive(t, checked)
}

func TestBadWords(t *testing.T) {
	require.Empty(t, badWords("the two numbers must have the same sign"))
	require.Len(t, badWords("Nobody is told of a sealed slot"), 4)
}
