// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package logtemplate

import (
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// A line that was read from a file has no severity, unless the file log receiver is configured to
// parse it. Most lines contain it in one of a few formats.

// levelBytes is how much of the beginning of a line is searched for its level.
const levelBytes = 128

// SeverityOf returns the severity of a record: its own, else that of an attribute, else the level
// at the beginning of its text.
func SeverityOf(ev *model.Event, text string) model.Severity {
	if severity := ev.Severity(); severity != model.SeverityUnspecified {
		return severity
	}
	if ev.SeverityText != "" {
		return levelNamed(ev.SeverityText)
	}
	if level := ev.Attributes.FirstText("level", "severity", semconv.LogLevel); level != "" {
		return levelNamed(level)
	}
	if body := ev.Body.Str(); strings.HasPrefix(body, "{") {
		text = body // the whole body, not only the message in it
	}
	return levelIn(text)
}

// levelIn returns the first level in the text that is written as one: in capitals, in brackets, or as
// the value of a key for levels.
func levelIn(text string) model.Severity {
	text = text[:min(len(text), levelBytes)]
	if isKlog(text) {
		return levelNamed(map[byte]string{'I': "INFO", 'W': "WARN", 'E': "ERROR", 'F': "FATAL"}[text[0]])
	}
	keyed := false
	for at := 0; at < len(text); {
		if !isAlpha(text[at]) {
			at++
			continue
		}
		end := at
		for end < len(text) && isAlpha(text[end]) {
			end++
		}
		word := text[at:end]
		level := levelNamed(word)
		bracketed := end < len(text) && (text[end] == ']' || text[end] == '>')
		if level != model.SeverityUnspecified && (keyed || bracketed || word == strings.ToUpper(word)) {
			return level
		}
		keyed = isLevelKey(word)
		at = end
	}
	return model.SeverityUnspecified
}

func isAlpha(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isLevelKey(word string) bool {
	return strings.EqualFold(word, "level") || strings.EqualFold(word, "lvl") || strings.EqualFold(word, "severity")
}

// isKlog reports whether a line begins in klog's format: E0102 15:04:05.
func isKlog(text string) bool {
	return len(text) > 5 && strings.IndexByte("IWEF", text[0]) >= 0 && isDigits(text[1:5]) && text[5] == ' '
}

// levelNamed parses the name of a level, in lower or upper case.
func levelNamed(word string) model.Severity {
	switch strings.ToUpper(word) {
	case "TRACE":
		return model.SeverityTrace
	case "DEBUG":
		return model.SeverityDebug
	case "INFO", "INFORMATION", "NOTICE":
		return model.SeverityInfo
	case "WARN", "WARNING":
		return model.SeverityWarn
	case "ERROR", "ERR", "SEVERE":
		return model.SeverityError
	case "FATAL", "CRITICAL", "CRIT", "PANIC", "ALERT", "EMERG", "EMERGENCY":
		return model.SeverityFatal
	default:
		return model.SeverityUnspecified
	}
}

// Message returns the text of a template without the time, which is a wild card, and the level before
// the message.
func Message(template string) string {
	rest := template
	for {
		word, after, more := strings.Cut(rest, " ")
		if !more {
			return rest
		}
		if word != wild && levelNamed(strings.Trim(word, ":|-")) == model.SeverityUnspecified {
			return rest
		}
		rest = after
	}
}
