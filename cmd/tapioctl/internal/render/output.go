// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Output is the buffered standard output. On a terminal it lets through only the
// control sequences that tapioctl itself writes: whatever a record, a
// configuration or a server message contains, it cannot control the terminal.
//
// Each write must hold whole runes and whole control sequences.
type Output struct {
	// Writer is flushed after each piece of a live stream and at the end.
	*bufio.Writer
	// ErrOut takes what is meant for the person, apart from the data.
	ErrOut   io.Writer
	Terminal bool
	colored  bool

	Clock
}

// Clock is the present, and the time zone of times in the output and in the flags.
type Clock struct {
	Now  func() time.Time
	Zone *time.Location
}

// NewOutput writes data to w and notes to errOut. Times are in UTC.
func NewOutput(w, errOut io.Writer, terminal bool, now func() time.Time) *Output {
	return &Output{Writer: bufio.NewWriter(w), ErrOut: errOut, Terminal: terminal, Clock: Clock{now, time.UTC}}
}

// Write implements io.Writer.
func (o *Output) Write(p []byte) (int, error) {
	if !o.Terminal {
		return o.Writer.Write(p)
	}
	if _, err := o.Writer.WriteString(neutralize(string(p), OwnSequences())); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (o *Output) WriteString(s string) (int, error) {
	if o.Terminal {
		s = neutralize(s, OwnSequences())
	}
	return o.Writer.WriteString(s)
}

// WriteForeign writes text that comes from elsewhere as a whole, such as a
// configuration: on a terminal no control sequence of it has an effect.
func (o *Output) WriteForeign(text string) {
	if o.Terminal {
		text = neutralize(text, nil)
	}
	o.WriteText(text)
}

// TerminalWriter does for standard error what output does for standard output.
type TerminalWriter struct{ To io.Writer }

func (w TerminalWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.To, neutralize(string(p), OwnSequences())); err != nil {
		return 0, err
	}
	return len(p), nil
}

// OwnSequences are the control sequences that tapioctl writes itself.
func OwnSequences() []string {
	return []string{
		string(Bold), string(Dim), string(Red), string(Green), string(Yellow), string(Cyan), string(Reset),
		ClearLine, EnterScreen, LeaveScreen, Redraw,
	}
}

// neutralize replaces control characters, characters that change the direction
// of text, and invalid UTF-8 by escapes such as \x1b and \u202e. Line breaks,
// tabs and the allowed sequences stay.
func neutralize(s string, allowed []string) string {
	if strings.IndexFunc(s, ControlsTerminal) < 0 {
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
		case r != utf8.RuneError && ControlsTerminal(r):
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

// ControlsTerminal reports whether a terminal may do something else with the
// rune than show it: control characters (C0, DEL, C1), format characters such as
// bidirectional overrides and zero-width ones, and line and paragraph separators.
func ControlsTerminal(r rune) bool {
	switch r {
	case '\n', '\t':
		return false
	case utf8.RuneError:
		return true
	default:
		return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
	}
}

// WriteText puts text into the output. The buffer keeps its first error, and run
// reports it at the end.
func (o *Output) WriteText(text string) { _, _ = o.WriteString(text) }

// Note writes one line for the person, apart from the data on stdout.
func (o *Output) Note(format string, args ...any) {
	fmt.Fprintf(o.ErrOut, "tapioctl: "+format+"\n", args...)
}

// NoteIfNone prints that there was nothing to print, which an empty
// output alone leaves open.
func (o *Output) NoteIfNone(count int, what string) {
	if count == 0 {
		o.Note("no %s found", what)
	}
}

// ClearLine clears the line that the cursor is on.
const ClearLine = "\r\x1b[K"

// What a terminal does with these. The pictures have a screen of their own, so
// that what stood on the terminal comes back in the end; the cursor is hidden, and
// what is too long for a line is cut. A picture begins in the corner and clears
// what is below, so that it replaces the one before without flicker.
const (
	EnterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l"
	Redraw      = "\x1b[H\x1b[J"
	LeaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
)
