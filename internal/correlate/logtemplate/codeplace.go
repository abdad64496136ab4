// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package logtemplate

import (
	"cmp"
	"strings"

	"github.com/tapio/tapio/internal/correlate/bound"
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

// PlaceIn returns the place in the source code from a record's attributes: that of the log call or
// span, else that of an exception.
func PlaceIn(attributes model.Attributes) string {
	if stack, found := attributes.Get(semconv.ExceptionStacktrace); found {
		if place := TopFrame(stack.Str()); place != "" {
			return place
		}
	}
	function := attributes.FirstText(semconv.CodeFunctionName, semconv.CodeFunction)
	if space := attributes.FirstText(semconv.CodeNamespace); space != "" && function != "" && !strings.Contains(function, ".") {
		function = space + "." + function
	}
	return ShownPlace(function, attributes.FirstText(semconv.CodeFilePath, semconv.CodeFilepath), attributes.FirstText(semconv.CodeLineNumber, semconv.CodeLineno))
}

// ShownPlace is a place in the source code as it is shown; each part may be missing.
func ShownPlace(function, file, line string) string {
	if file != "" && line != "" {
		file += ":" + line
	}
	switch {
	case function == "":
		return bound.Copy(file)
	case file == "":
		return bound.Copy(function)
	}
	return bound.Copy(function + " (" + file + ")")
}

// PlaceOfSpan returns the place of the exception that a span recorded, else the place of the span
// itself.
func PlaceOfSpan(s *model.Span) string {
	for i := len(s.Events) - 1; i >= 0; i-- {
		if s.Events[i].Name == "exception" {
			if place := PlaceIn(s.Events[i].Attributes); place != "" {
				return place
			}
		}
	}
	return PlaceIn(s.Attributes)
}

// TopFrame returns the frame of a stack trace in which the exception was thrown: in the innermost
// cause, and outside the standard library.
func TopFrame(stack string) string {
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
		place = ShownPlace(function, file, number)
	}
	return place
}

// frameOf reads a frame as Java, JavaScript, .NET or Go print it; "" for none.
func frameOf(line string, next []string) string {
	if frame, found := strings.CutPrefix(line, "at "); found {
		if function, file, found := strings.Cut(frame, ") in "); found { // .NET
			function, _, _ = strings.Cut(function, "(")
			return ShownPlace(function, strings.Replace(file, ":line ", ":", 1), "")
		}
		function, file, found := strings.Cut(strings.TrimSuffix(frame, ")"), "(")
		if !found {
			return ShownPlace("", withoutColumn(function), "")
		}
		function = function[strings.LastIndexByte(function, '/')+1:] // the module of Java
		return ShownPlace(strings.TrimSpace(strings.TrimPrefix(function, "async ")), withoutColumn(file), "")
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
	return ShownPlace(function, file, "")
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

// CodeEntity is a place in the code of a service.
func CodeEntity(service, place string) model.Entity {
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
