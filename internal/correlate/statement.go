// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"path"
	"strings"
)

// A line that names its place in the source code tells which statement wrote it,
// whatever it says: a list in it may be of any length, which templates tell apart.

// statement names what wrote the line: its place in the source code if it gives
// one, else the template. What fails is told by its words, for one statement often
// writes all errors there are.
func (n *note) statement() string {
	if n.failed || n.template.place == "" {
		return n.template.text
	}
	return n.template.place
}

// codePlace returns the first place in source code that a template names.
func (t *template) codePlace() string { return t.place }

// placeOfTokens finds the first place in source code.
func placeOfTokens(tokens []string) string {
	for _, token := range tokens {
		if isCodePlace(token) && isOfSource(token) {
			return token
		}
	}
	return ""
}

// isOfSource tells a place in source code from the address of a host, which looks
// alike: by its sign, its file or, as class names have one, its capital.
func isOfSource(place string) bool {
	at := strings.LastIndexAny(place, "#:")
	if !strings.Contains(place[:at], ".") {
		return false
	}
	if place[at] == '#' {
		return true
	}
	switch path.Ext(place[:at]) {
	case ".go", ".py", ".js", ".mjs", ".ts", ".java", ".kt", ".scala", ".cs", ".rb", ".php", ".rs", ".c", ".cc", ".cpp", ".h", ".swift", ".ex", ".erl":
		return true
	}
	last := place[strings.LastIndexByte(place[:at], '.')+1 : at]
	return last != "" && last[0] >= 'A' && last[0] <= 'Z'
}
