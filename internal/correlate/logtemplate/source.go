// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package logtemplate

import (
	"path"
	"strings"
)

// A line with its place in the source code shows which statement wrote it, whatever its text is.
// Templates alone would split the lines of one statement, for example by the length of a list.

// CodePlace returns the first place in source code that a template names.
func (t *Template) CodePlace() string { return t.Place }

// placeOfTokens returns the first place in source code.
func placeOfTokens(tokens []string) string {
	for _, token := range tokens {
		if IsCodePlace(token) && IsOfSource(token) {
			return token
		}
	}
	return ""
}

// IsOfSource distinguishes a place in source code from the address of a host, which looks similar: by
// the separator, the file extension or, for a class name, a capital.
func IsOfSource(place string) bool {
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
