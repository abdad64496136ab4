//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package symbols

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// Kinds of frames of just-in-time compilers, as OpenTelemetry names them.
const (
	kindV8     = "v8js"
	kindPython = "cpython"
	kindJVM    = "jvm"
)

// frameOfJIT splits what compilers write as the name of a function: V8 JS:*function
// file:line:column, CPython py::function:file, the JVM type package.Class.method(types),
// perf-map-agent Lpackage/Class;::method.
func frameOfJIT(name string) model.Frame {
	for _, prefix := range []string{"JS:", "LazyCompile:", "Function:", "Script:", "Eval:"} {
		if text, found := strings.CutPrefix(name, prefix); found {
			function, place, _ := strings.Cut(strings.TrimLeft(text, "*~^+"), " ")
			f := model.Frame{Kind: kindV8, Function: cmp.Or(function, "(anonymous)")}
			f.File, f.Line = placeOfJIT(place)
			return f
		}
	}
	for _, prefix := range []string{"Builtin:", "BytecodeHandler:", "RegExp:"} {
		if strings.HasPrefix(name, prefix) {
			return model.Frame{Kind: kindV8, Function: name}
		}
	}
	if text, found := strings.CutPrefix(name, "py::"); found {
		function, file, _ := strings.Cut(text, ":")
		return model.Frame{Kind: kindPython, Function: function, File: file}
	}
	if method := javaMethod(name); method != "" {
		return model.Frame{Kind: kindJVM, Function: method}
	}
	return model.Frame{Function: name}
}

// javaMethod returns package.Class.method, "" if the name is not one of Java.
func javaMethod(name string) string {
	if class, method, found := strings.Cut(name, ";::"); found && strings.HasPrefix(class, "L") {
		return strings.ReplaceAll(class[1:], "/", ".") + "." + method
	}
	head, _, found := strings.Cut(name, "(")
	kind, method, spaced := strings.Cut(head, " ")
	if !found || !spaced || !strings.HasSuffix(name, ")") || kind == "" || strings.Contains(method, " ") || !strings.Contains(method, ".") {
		return ""
	}
	return method
}

// placeOfJIT cuts line and column off a file.
func placeOfJIT(place string) (file string, line int64) {
	rest, column, found := cutLast(place)
	if !found {
		return place, 0
	}
	if file, number, found := cutLast(rest); found {
		return file, number
	}
	return rest, column
}

func cutLast(place string) (rest string, number int64, found bool) {
	at := strings.LastIndexByte(place, ':')
	if at < 0 {
		return place, 0, false
	}
	number, err := strconv.ParseInt(place[at+1:], 10, 64)
	return place[:at], number, err == nil
}
