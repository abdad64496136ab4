// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"

// colour is an SGR sequence.
type colour string

const (
	plain  colour = ""
	bold   colour = "\x1b[1m"
	dim    colour = "\x1b[2m"
	red    colour = "\x1b[31m"
	green  colour = "\x1b[32m"
	yellow colour = "\x1b[33m"
	cyan   colour = "\x1b[36m"
	reset  colour = "\x1b[0m"
)

// colours reports whether the output is to be coloured.
func (a *app) colours() bool {
	switch a.flags.color.value {
	case "always":
		return true
	case "never":
		return false
	default:
		return a.isTerminal && a.environ("NO_COLOR") == "" && a.environ("TERM") != "dumb"
	}
}

// paint colours a text if the output is to be coloured.
func (a *app) paint(c colour, text string) string {
	if c == plain || text == "" || !a.colours() {
		return text
	}
	return string(c) + text + string(reset)
}

func severityColour(n logsv1.SeverityNumber) colour {
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
