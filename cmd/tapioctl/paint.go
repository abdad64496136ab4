// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"

// color is an SGR sequence.
type color string

const (
	plain  color = ""
	bold   color = "\x1b[1m"
	dim    color = "\x1b[2m"
	red    color = "\x1b[31m"
	green  color = "\x1b[32m"
	yellow color = "\x1b[33m"
	cyan   color = "\x1b[36m"
	reset  color = "\x1b[0m"
)

// colored reports whether the output is to be colored.
func (a *app) colored() bool {
	switch a.flags.color.value {
	case "always":
		return true
	case "never":
		return false
	default:
		return a.out.terminal && a.environ("NO_COLOR") == "" && a.environ("TERM") != "dumb"
	}
}

// paint colors a text if the output is to be colored.
func (a *app) paint(c color, text string) string {
	if c == plain || text == "" || !a.colored() {
		return text
	}
	return string(c) + text + string(reset)
}

func severityColor(n logsv1.SeverityNumber) color {
	switch {
	case n >= logsv1.SeverityNumber_SEVERITY_NUMBER_ERROR:
		return red
	case n >= logsv1.SeverityNumber_SEVERITY_NUMBER_WARN:
		return yellow
	case n >= logsv1.SeverityNumber_SEVERITY_NUMBER_INFO:
		return green
	default:
		return dim
	}
}
