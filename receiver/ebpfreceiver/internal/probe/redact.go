//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"regexp"
	"strings"
)

// redactor hides secrets in command lines.
type redactor struct {
	expressions []*regexp.Regexp
}

const redacted = "***"

func newRedactor(expressions []string) *redactor {
	r := &redactor{}
	for _, e := range expressions {
		r.expressions = append(r.expressions, regexp.MustCompile(e)) // Validate has tried them
	}
	return r
}

func (r *redactor) text(s string) string {
	for _, e := range r.expressions {
		found := e.FindStringSubmatchIndex(s)
		if found == nil {
			continue
		}
		from, to := found[0], found[1]
		if len(found) > 2 && found[2] >= 0 {
			from, to = found[2], found[3]
		}
		s = s[:from] + redacted + s[to:]
	}
	return s
}

// after is text for an argument behind another one. A flag and its value may come as two
// arguments: they are looked at as the one that they stand for.
func (r *redactor) after(before, s string) string {
	if !strings.HasPrefix(before, "-") || strings.Contains(before, "=") {
		return r.text(s)
	}
	flag := before + "="
	value, whole := strings.CutPrefix(r.text(flag+s), flag)
	switch {
	case !whole: // what was hidden reaches into the flag
		return redacted
	case value == s:
		return r.text(s)
	}
	return value
}
