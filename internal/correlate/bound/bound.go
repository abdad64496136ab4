// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package bound bounds texts of records, so that what is kept of them is bounded, too.
package bound

import "strings"

// MaxName is the most bytes of a name that the engine keeps; longer ones are cut.
const MaxName = 200

// Name cuts a name to maxName.
func Name(s string) string {
	if len(s) > MaxName {
		return s[:MaxName]
	}
	return s
}

// Copy is a copy that does not keep a larger text in memory.
func Copy(s string) string { return strings.Clone(Name(s)) }

// Text cuts a text to about n bytes, and marks where it was cut.
func Text(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
