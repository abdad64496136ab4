// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// text hides what is a secret in an argument by itself, whichever program it is for.
func (l *line) text(i int, cut bool) {
	text := l.args[i]
	for at := range len(text) {
		switch text[at] {
		case '=', ':':
			l.assignment(i, at)
		case '@':
			l.login(i, at)
		case '/':
			if strings.HasPrefix(text[at:], "//") && at > 0 && text[at-1] == ':' {
				l.userinfo(i, at+2, cut)
			}
		}
	}
	l.forms(i)
	l.sql(i)
}

// assignment hides the value in name=value, name: value and "name": "value".
func (l *line) assignment(i, sep int) {
	text := l.args[i]
	end := sep
	if end > 0 && text[sep] == '=' && text[end-1] == ':' { // name:=value
		end--
	}
	for end > 0 && (text[end-1] == ' ' || text[end-1] == '\t') {
		end--
	}
	closed := end
	for end > 0 && strings.IndexByte(`"'\])`, text[end-1]) >= 0 {
		end--
	}
	from := end
	for from > 0 && nameByte(text[from-1]) {
		from--
	}
	quoted := closed > end
	value := valueFrom(text, sep)
	judged := classify(text[from:end])
	query := from > 0 && strings.IndexByte("?&;#", text[from-1]) >= 0
	switch {
	case judged == harmless, judged == inQuery && (!query || text[sep] == ':'):
		return
	case text[sep] == ':' && strings.HasPrefix(text[sep:], "://"):
		return
	case text[sep] == ':' && from > 0 && text[from-1] == '/':
		return // -v /run/secrets:/run/secrets:ro
	}
	to := valueTo(text, value, enclosing{from: from, header: text[sep] == ':' && !quoted, query: query})
	value = afterScheme(text, value, to)
	if !settled(text[value:to]) {
		l.hide(i, value, to)
	}
}

// settled values contain nothing secret.
func settled(value string) bool {
	switch strings.ToLower(strings.Trim(value, `"'\`)) {
	case "", "true", "false", "null", "none":
		return true
	}
	return false
}

func nameByte(c byte) bool {
	return letter(c) || digit(c) || c == '_' || c == '-' || c == '.' || c == '[' || c == '$'
}

func valueFrom(text string, sep int) int {
	at := sep + 1
	for at < len(text) && strings.IndexByte(" \t=>", text[at]) >= 0 {
		at++
	}
	return at
}

// enclosing is where a value stands, for how far it reaches.
type enclosing struct {
	from          int // of the name
	header, query bool
}

func valueTo(text string, value int, in enclosing) int {
	if value >= len(text) {
		return len(text)
	}
	rest := text[value:]
	if quote := quoteAt(rest); quote != "" {
		if end := closing(rest[len(quote):], quote); end >= 0 {
			return value + len(quote) + end + len(quote)
		}
		return len(text)
	}
	var stops string
	switch {
	case in.query:
		stops = "& \t\r\n\"'`"
	case in.header:
		stops = "\r\n"
		if in.from > 0 && strings.IndexByte("\"'`", text[in.from-1]) >= 0 {
			stops += text[in.from-1 : in.from]
		}
	case leads(text[:in.from]):
		return len(text)
	default:
		stops = " \t\r\n\"'`&"
	}
	if end := strings.IndexAny(rest, stops); end >= 0 {
		return value + end
	}
	return len(text)
}

// leads reports whether the name is the first thing in its argument, so that all of
// the rest is its value.
func leads(before string) bool { return strings.Trim(before, "-") == "" }

// quoteAt returns the quote with which the text begins, escaped or not.
func quoteAt(text string) string {
	from := 0
	for from < len(text) && text[from] == '\\' {
		from++
	}
	if from < len(text) && strings.IndexByte("\"'`", text[from]) >= 0 {
		return text[:from+1]
	}
	return ""
}

// closing finds the quote that ends the text, not one that is escaped more often.
func closing(text, quote string) int {
	for at := 0; at < len(text); at++ {
		if !strings.HasPrefix(text[at:], quote) {
			continue
		}
		escaped := 0
		for at-escaped > 0 && text[at-escaped-1] == '\\' {
			escaped++
		}
		if escaped%2 == 0 || len(quote) > 1 {
			return at
		}
	}
	return -1
}

// afterScheme leaves the word Basic or Bearer of a header.
func afterScheme(text string, from, to int) int {
	for _, scheme := range []string{"basic ", "bearer ", "digest ", "token "} {
		if to-from > len(scheme) && strings.EqualFold(text[from:from+len(scheme)], scheme) {
			return from + len(scheme)
		}
	}
	return from
}

// userinfo hides the password of a URL whose authority begins there, and a user without
// one in a URL of the web, which is a token.
func (l *line) userinfo(i, from int, cut bool) {
	text := l.args[i]
	end := from + lengthUntil(text[from:], " \t\r\n\"'`<>")
	authority := from + lengthUntil(text[from:end], "/?#")
	at := strings.LastIndexByte(text[from:authority], '@')
	colon := strings.IndexByte(text[from:authority], ':')
	if at < 0 { // a password may hold what should have been escaped
		last := strings.LastIndexByte(text[from:end], '@')
		switch {
		case colon < 0:
			return
		case digits(text[from+colon+1 : authority]):
			if cut && end == len(text) && authority == end {
				l.hide(i, from+colon+1, end)
			}
			return
		case text[from] == '[': // an address of IPv6
			return
		case last < 0:
			l.hide(i, from+colon+1, end)
			return
		}
		at = last
	}
	if colon >= 0 && colon < at {
		l.hide(i, from+colon+1, from+at)
		if colon+1 == at {
			l.hide(i, from, from+colon)
		}
		return
	}
	if scheme := text[:from-len("://")]; strings.HasSuffix(scheme, "http") || strings.HasSuffix(scheme, "https") {
		l.hide(i, from, from+at)
	}
}

// login hides the password in user:password@host where no scheme comes before it.
func (l *line) login(i, at int) {
	text := l.args[i]
	if strings.HasPrefix(text[at:], "@sha256:") {
		return
	}
	from := 1 + strings.LastIndexAny(text[:at], " \t\r\n\"'`=,/(")
	colon := strings.IndexByte(text[from:at], ':')
	if colon <= 0 || at+1 >= len(text) || !nameByte(text[at+1]) && text[at+1] != '/' && text[at+1] != '(' {
		return
	}
	l.hide(i, from+colon+1, at)
}

func lengthUntil(text, stops string) int {
	if at := strings.IndexAny(text, stops); at >= 0 {
		return at
	}
	return len(text)
}
