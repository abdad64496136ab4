// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package logtemplate

import (
	"strings"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/model"
)

// maxQuote is the most bytes of a quoted line.
const maxQuote = 160

// QuoteOf is the message of a line as the service wrote it, without the time and level before it.
func QuoteOf(line string) string {
	line, _, _ = strings.Cut(strings.TrimSpace(line), "\n")
	rest := line
	for range maxTokens {
		word, after, more := strings.Cut(rest, " ")
		if !more || after == "" {
			break
		}
		bare := strings.Trim(word, "[]():|-<>")
		if !isTime(bare) && bare != "" && levelNamed(bare) == model.SeverityUnspecified {
			break
		}
		rest = strings.TrimLeft(after, " ")
	}
	return bound.Copy(bound.Text(rest, maxQuote))
}

// isTime reports whether a word looks like a date or a time of day.
func isTime(word string) bool {
	digits := 0
	for i := range len(word) {
		switch c := word[i]; {
		case c >= '0' && c <= '9':
			digits++
		case strings.IndexByte("-:/.,TZ+", c) < 0:
			return false
		}
	}
	return digits >= 4 && digits < len(word)
}
