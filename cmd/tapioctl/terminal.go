// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// output is the buffered standard output. On a terminal it lets through only the
// control sequences that tapioctl itself writes: whatever a record, a
// configuration or a server message contains, it cannot control the terminal.
//
// Each write must hold whole runes and whole control sequences.
type output struct {
	*bufio.Writer
	terminal bool
}

func newOutput(w io.Writer, terminal bool) *output {
	return &output{Writer: bufio.NewWriter(w), terminal: terminal}
}

func (o *output) Write(p []byte) (int, error) {
	if !o.terminal {
		return o.Writer.Write(p)
	}
	if _, err := o.Writer.WriteString(neutralize(string(p), ownSequences())); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (o *output) WriteString(s string) (int, error) {
	if o.terminal {
		s = neutralize(s, ownSequences())
	}
	return o.Writer.WriteString(s)
}

// writeForeign writes text that comes from elsewhere as a whole, such as a
// configuration: on a terminal no control sequence of it has an effect.
func (a *app) writeForeign(text string) {
	if a.out.terminal {
		text = neutralize(text, nil)
	}
	a.write(text)
}

// terminalWriter does for standard error what output does for standard output.
type terminalWriter struct{ to io.Writer }

func (w terminalWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.to, neutralize(string(p), ownSequences())); err != nil {
		return 0, err
	}
	return len(p), nil
}

// ownSequences are the control sequences that tapioctl writes itself.
func ownSequences() []string {
	return []string{
		string(bold), string(dim), string(red), string(green), string(yellow), string(cyan), string(reset),
		clearLine, enterScreen, leaveScreen, redraw,
	}
}

// neutralize replaces control characters, characters that change the direction
// of text, and invalid UTF-8 by escapes such as \x1b and \u202e. Line breaks,
// tabs and the allowed sequences stay.
func neutralize(s string, allowed []string) string {
	if strings.IndexFunc(s, controlsTerminal) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		if n := prefixOf(s, allowed); n > 0 {
			b.WriteString(s[:n])
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r != utf8.RuneError && controlsTerminal(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

func prefixOf(s string, allowed []string) int {
	for _, sequence := range allowed {
		if strings.HasPrefix(s, sequence) {
			return len(sequence)
		}
	}
	return 0
}

// controlsTerminal reports whether a terminal may do something else with the
// rune than show it: control characters (C0, DEL, C1), format characters such as
// bidirectional overrides and zero-width ones, and line and paragraph separators.
func controlsTerminal(r rune) bool {
	switch r {
	case '\n', '\t':
		return false
	case utf8.RuneError:
		return true
	default:
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
	}
}
