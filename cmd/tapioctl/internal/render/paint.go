// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"

// Color is an SGR sequence.
type Color string

// The colors of the output.
const (
	Plain  Color = ""
	Bold   Color = "\x1b[1m"
	Dim    Color = "\x1b[2m"
	Red    Color = "\x1b[31m"
	Green  Color = "\x1b[32m"
	Yellow Color = "\x1b[33m"
	Cyan   Color = "\x1b[36m"
	Reset  Color = "\x1b[0m"
)

// SetColor decides whether the output is colored: always, never or, with any
// other mode, on a terminal for which the environment does not forbid it.
func (o *Output) SetColor(mode string, environ func(name string) string) {
	switch mode {
	case "always":
		o.colored = true
	case "never":
		o.colored = false
	default:
		o.colored = o.Terminal && environ("NO_COLOR") == "" && environ("TERM") != "dumb"
	}
}

// Paint colors a text if the output is to be colored.
func (o *Output) Paint(c Color, text string) string {
	if c == Plain || text == "" || !o.colored {
		return text
	}
	return string(c) + text + string(Reset)
}

func severityColor(n logsv1.SeverityNumber) Color {
	switch {
	case n >= logsv1.SeverityNumber_SEVERITY_NUMBER_ERROR:
		return Red
	case n >= logsv1.SeverityNumber_SEVERITY_NUMBER_WARN:
		return Yellow
	case n >= logsv1.SeverityNumber_SEVERITY_NUMBER_INFO:
		return Green
	default:
		return Dim
	}
}
