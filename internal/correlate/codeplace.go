// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// A place in the source code is written as the function, followed by file and line in brackets:
// pay.Charge (pay/charge.go:42). Either part may be missing.

const (
	// maxStack is how many bytes of a stack trace are read, from its end.
	maxStack  = 16 << 10
	maxFrames = 256 // most lines of a stack trace that are read
)

// placeIn returns the place in the source code from a record's attributes: that of the log call or
// span, else that of an exception.
func placeIn(attributes model.Attributes) string {
	if stack, found := attributes.Get(semconv.ExceptionStacktrace); found {
		if place := topFrame(stack.Str()); place != "" {
			return place
		}
	}
	function := firstOf(attributes, semconv.CodeFunctionName, semconv.CodeFunction)
	if space := firstOf(attributes, semconv.CodeNamespace); space != "" && function != "" && !strings.Contains(function, ".") {
		function = space + "." + function
	}
	return shownPlace(function, firstOf(attributes, semconv.CodeFilePath, semconv.CodeFilepath), firstOf(attributes, semconv.CodeLineNumber, semconv.CodeLineno))
}

func shownPlace(function, file, line string) string {
	if file != "" && line != "" {
		file += ":" + line
	}
	switch {
	case function == "":
		return kept(file)
	case file == "":
		return kept(function)
	}
	return kept(function + " (" + file + ")")
}

// placeOfSpan returns the place of the exception that a span recorded, else the place of the span
// itself.
func placeOfSpan(s *model.Span) string {
	for i := len(s.Events) - 1; i >= 0; i-- {
		if s.Events[i].Name == "exception" {
			if place := placeIn(s.Events[i].Attributes); place != "" {
				return place
			}
		}
	}
	return placeIn(s.Attributes)
}

// topFrame returns the frame of a stack trace in which the exception was thrown: in the innermost
// cause, and outside the standard library.
func topFrame(stack string) string {
	if len(stack) > maxStack {
		stack = stack[len(stack)-maxStack:]
	}
	if at := strings.LastIndex(stack, "Caused by:"); at >= 0 {
		stack = stack[at:]
	}
	lines := strings.SplitN(stack, "\n", maxFrames)
	if strings.Contains(stack, "Traceback (most recent call last)") {
		return pythonFrame(lines)
	}
	first := ""
	for i, line := range lines {
		place := frameOf(strings.TrimSpace(line), lines[i+1:])
		if place != "" && !ofTheLanguage(place) {
			return place
		}
		first = cmp.Or(first, place)
	}
	return first
}

// pythonFrame returns the last frame: Python prints the frame that raised the exception last.
func pythonFrame(lines []string) string {
	place := ""
	for _, line := range lines {
		file, rest, found := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "File \""), "\", line ")
		if !found {
			continue
		}
		number, function, _ := strings.Cut(rest, ", in ")
		place = shownPlace(function, file, number)
	}
	return place
}

// frameOf reads a frame as Java, JavaScript, .NET or Go print it; "" for none.
func frameOf(line string, next []string) string {
	if frame, found := strings.CutPrefix(line, "at "); found {
		if function, file, found := strings.Cut(frame, ") in "); found { // .NET
			function, _, _ = strings.Cut(function, "(")
			return shownPlace(function, strings.Replace(file, ":line ", ":", 1), "")
		}
		function, file, found := strings.Cut(strings.TrimSuffix(frame, ")"), "(")
		if !found {
			return shownPlace("", withoutColumn(function), "")
		}
		function = function[strings.LastIndexByte(function, '/')+1:] // the module of Java
		return shownPlace(strings.TrimSpace(strings.TrimPrefix(function, "async ")), withoutColumn(file), "")
	}
	if len(next) == 0 || !strings.HasSuffix(line, ")") || !strings.HasPrefix(next[0], "\t") {
		return ""
	}
	arguments := strings.LastIndexByte(line, '(')
	if arguments < 0 {
		return ""
	}
	function := line[:arguments] // Go: the file is on the next line
	file, _, _ := strings.Cut(strings.TrimSpace(next[0]), " ")
	return shownPlace(function, file, "")
}

// withoutColumn leaves file:line of JavaScript's file:line:column.
func withoutColumn(file string) string {
	at := strings.LastIndexByte(file, ':')
	if at > 0 && isDigits(file[at+1:]) {
		if before := strings.LastIndexByte(file[:at], ':'); before > 0 && isDigits(file[before+1:at]) {
			return file[:at]
		}
	}
	return file
}

func isDigits(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// ofTheLanguage reports whether a frame is of the language's runtime or standard library, not of the
// program.
func ofTheLanguage(place string) bool {
	for _, prefix := range [...]string{
		"java.", "javax.", "jdk.", "sun.", "runtime.", "runtime/debug.", "panic", "go.opentelemetry.io/", "System.", "Microsoft.", "node:", "internal/",
	} {
		if strings.HasPrefix(place, prefix) {
			return true
		}
	}
	_, file, _ := strings.Cut(place, " (")
	return strings.HasPrefix(file, "node:") || strings.HasPrefix(file, "internal/")
}

// codeEntity is a place in the code of a service.
func codeEntity(service, place string) model.Entity {
	entity := model.Entity{Kind: model.EntityCode, Name: place, Attributes: model.Attributes{
		{Key: semconv.ServiceName, Value: model.StringValue(service)},
	}}
	function, file, found := strings.Cut(strings.TrimSuffix(place, ")"), " (")
	put := func(key, value string) {
		if value != "" {
			entity.Attributes = append(entity.Attributes, model.KeyValue{Key: key, Value: model.StringValue(value)})
		}
	}
	if at := strings.LastIndexByte(place, ':'); !found && (strings.Contains(place, "/") || isDigits(place[at+1:])) {
		function, file = "", place
	}
	put(semconv.CodeFunctionName, function)
	if at := strings.LastIndexByte(file, ':'); at > 0 && at < len(file)-1 {
		put(semconv.CodeFilePath, file[:at])
		put(semconv.CodeLineNumber, file[at+1:])
	} else {
		put(semconv.CodeFilePath, file)
	}
	return entity
}
