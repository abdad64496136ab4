// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzNeutralize(f *testing.F) {
	f.Add("\x1b[31mred\x1b]0;title\a \u202e\u200b \r\b\x7f\u009b")
	f.Add("plain\n\ttext \u00e9 \U0001f600 \xff\xc3")
	f.Fuzz(func(t *testing.T, s string) {
		got := neutralize(s, nil)
		if strings.IndexFunc(got, ControlsTerminal) >= 0 && !strings.ContainsRune(s, utf8.RuneError) || !utf8.ValidString(got) {
			t.Errorf("neutralize(%q) = %q", s, got)
		}
		if got2 := neutralize(got, nil); got2 != got {
			t.Errorf("not stable: %q, then %q", got, got2)
		}
	})
}
