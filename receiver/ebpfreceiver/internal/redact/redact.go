// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package redact hides secrets in command lines: the values of options, variables,
// headers, URLs, JSON and SQL that are named like a secret, what is a secret by its
// form, and the options by which known programs take one. Where it is not known where a
// secret ends it hides the rest of the argument.
package redact

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Mask stands where a secret was.
const Mask = "***"

// Redactor hides secrets. It is safe for concurrent use.
type Redactor struct {
	expressions []*regexp.Regexp
}

// New returns a redactor that also hides what the expressions match: the first group,
// or without groups the match.
func New(expressions []string) (*Redactor, error) {
	r := &Redactor{}
	for _, text := range expressions {
		compiled, err := regexp.Compile(text)
		if err != nil {
			return nil, err
		}
		r.expressions = append(r.expressions, compiled)
	}
	return r, nil
}

// Args returns a command line, the program's name first, without its secrets. cut
// reports that the last argument lacks its end.
func (r *Redactor) Args(args []string, cut bool) []string {
	l := &line{args: args, hidden: make([][]span, len(args))}
	words := make([]word, len(args))
	for i, arg := range args {
		words[i] = word{text: arg, arg: i, to: len(arg)}
		l.text(i, cut && i == len(args)-1)
	}
	l.command(words, 0)
	for i, arg := range args {
		l.custom(r.expressions, i, arg)
		if i > 0 {
			l.customFlag(r.expressions, i)
		}
	}
	return l.masked()
}

// span is a part of an argument, in bytes.
type span struct{ from, to int }

// line is one command line, and what of it is to be hidden.
type line struct {
	args   []string
	hidden [][]span
}

func (l *line) hide(arg, from, to int) {
	if from < to {
		l.hidden[arg] = append(l.hidden[arg], span{from, to})
	}
}

func (l *line) masked() []string {
	masked := make([]string, len(l.args))
	for i, arg := range l.args {
		masked[i] = mask(arg, l.hidden[i])
	}
	return masked
}

func mask(text string, hidden []span) string {
	if len(hidden) == 0 {
		return text
	}
	slices.SortFunc(hidden, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var masked strings.Builder
	at := 0
	for i := 0; i < len(hidden); {
		from, to := hidden[i].from, hidden[i].to
		for i++; i < len(hidden) && hidden[i].from <= to; i++ {
			to = max(to, hidden[i].to)
		}
		masked.WriteString(text[at:from])
		masked.WriteString(Mask)
		at = to
	}
	masked.WriteString(text[at:])
	return masked.String()
}

func (l *line) custom(expressions []*regexp.Regexp, i int, text string) {
	for _, e := range expressions {
		for _, found := range e.FindAllStringSubmatchIndex(text, -1) {
			at := matched(found)
			l.hide(i, at.from, at.to)
		}
	}
}

// customFlag looks at an option and its value as at option=value.
func (l *line) customFlag(expressions []*regexp.Regexp, i int) {
	before, text := l.args[i-1], l.args[i]
	if !strings.HasPrefix(before, "-") || strings.Contains(before, "=") {
		return
	}
	for _, e := range expressions {
		found := e.FindStringSubmatchIndex(before + "=" + text)
		if found == nil {
			continue
		}
		at := matched(found)
		l.hide(i, max(0, at.from-len(before)-1), at.to-len(before)-1)
	}
}

func matched(found []int) span {
	if len(found) > 2 && found[2] >= 0 {
		return span{found[2], found[3]}
	}
	return span{found[0], found[1]}
}
