// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"path"
	"strings"
)

// A line with its place in the source code shows which statement wrote it, whatever its text is.
// Templates alone would split the lines of one statement, for example by the length of a list.

// statement identifies the statement that wrote the line: by its place in the source code, else by the
// template. Failures are identified by the template, because one statement often writes all errors of
// a program.
func (n *note) statement() string {
	if n.failed || n.template.place == "" {
		return n.template.text
	}
	return n.template.place
}

// codePlace returns the first place in source code that a template names.
func (t *template) codePlace() string { return t.place }

// placeOfTokens returns the first place in source code.
func placeOfTokens(tokens []string) string {
	for _, token := range tokens {
		if isCodePlace(token) && isOfSource(token) {
			return token
		}
	}
	return ""
}

// isOfSource distinguishes a place in source code from the address of a host, which looks similar: by
// the separator, the file extension or, for a class name, a capital.
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
