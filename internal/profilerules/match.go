// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// symbol is a frame as patterns are compared with it.
type symbol struct {
	name, file, kind string
	java             string // the name as Java's, packages and methods separated by dots
}

// symbolOf reads the function and file of a frame. Profilers that write folded stacks put
// the file beside the name: py-spy "compile (re/_compiler.py:743)", Pyroscope's agent for
// Python "re/_compiler.py:743 - compile", perf "do_syscall_64_[k]".
func symbolOf(f *model.Frame) symbol {
	s := symbol{name: f.Function, file: f.File, kind: f.Kind}
	for _, mark := range []string{"_[k]", "_[j]", "_[i]"} {
		s.name = strings.TrimSuffix(s.name, mark)
	}
	if s.file == "" {
		s.splitFile()
	}
	s.java = javaName(s.name)
	s.file = strings.ReplaceAll(s.file, `\`, "/")
	return s
}

func (s *symbol) splitFile() {
	if file, name, found := strings.Cut(s.name, " - "); found && strings.Contains(file, ".py") {
		s.name, s.file = name, withoutLine(file)
		return
	}
	if at := strings.LastIndex(s.name, " ("); at > 0 && strings.HasSuffix(s.name, ")") {
		if file := s.name[at+2 : len(s.name)-1]; strings.Contains(file, ".") {
			s.name, s.file = s.name[:at], withoutLine(file)
		}
	}
}

// withoutLine cuts off the number of a line.
func withoutLine(file string) string {
	at := strings.LastIndexByte(file, ':')
	if at <= 0 || strings.Trim(file[at+1:], "0123456789") != "" {
		return file
	}
	return file[:at]
}

// javaName writes the names of async-profiler ("java/util/regex/Pattern.compile"), of perf
// maps ("Ljava/util/regex/Pattern;::compile") and of the eBPF profiler
// ("java.util.regex.Pattern java.util.regex.Pattern.compile(java.lang.String)") alike.
func javaName(name string) string {
	if at := strings.IndexByte(name, '('); at > 0 {
		name = name[:at]
	}
	name = name[strings.LastIndexByte(name, ' ')+1:]
	for _, separator := range []string{";::", ":::", "::", "/"} {
		name = strings.ReplaceAll(name, separator, ".")
	}
	if strings.HasPrefix(name, "L") && strings.Count(name, ".") > 1 {
		name = name[1:]
	}
	return name
}

// match reports whether a frame is one of these.
func (f *Frames) match(s *symbol) bool {
	if s.name == "" || !f.Language.has(s.kind) {
		return false
	}
	if f.names(f.Functions, s) {
		return !f.names(f.Not, s)
	}
	for _, file := range f.Files {
		if s.file == file || strings.HasSuffix(s.file, "/"+file) {
			return true
		}
	}
	return false
}

func (f *Frames) names(patterns []string, s *symbol) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		return glob(pattern, s.name) || f.Language == Java && glob(pattern, s.java)
	})
}

// glob reports whether a name fits a pattern in which * stands for any text.
func glob(pattern, name string) bool {
	if name == "" || pattern[0] != '*' && pattern[0] != name[0] {
		return false // most names
	}
	head, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == name
	}
	if !strings.HasPrefix(name, head) {
		return false
	}
	name = name[len(head):]
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(name, part)
		}
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name, rest = name[at+len(part):], after
	}
}
