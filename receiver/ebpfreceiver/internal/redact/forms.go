// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "strings"

// forms hides what is a secret by its form: keys, tokens and private keys.
func (l *line) forms(i int) {
	text := l.args[i]
	l.privateKeys(i)
	l.afterPrefix(i, "hooks.slack.com/services/")
	l.afterPrefix(i, "/api/webhooks/")
	l.afterPrefix(i, "LS0tLS1CRUdJTi") // a PEM block in base64
	for from := 0; from < len(text); {
		if !tokenByte(text[from]) {
			from++
			continue
		}
		to := from
		for to < len(text) && tokenByte(text[to]) {
			to++
		}
		l.token(i, from, to)
		from = to
	}
}

func tokenByte(c byte) bool {
	return letter(c) || digit(c) || c == '_' || c == '-' || c == '.' || c == '+' || c == '~'
}

func (l *line) token(i, from, to int) {
	text := l.args[i][from:to]
	if len(text) < 12 {
		return
	}
	if jwt := strings.Index(text, "eyJ"); jwt >= 0 && strings.Contains(text[jwt:], ".") {
		l.hide(i, from+jwt, to)
		return
	}
	for _, p := range prefixes() {
		if at := strings.Index(text, p.text); at >= 0 && (at == 0 || !letter(text[at-1]) && !digit(text[at-1])) && len(text)-at >= p.atLeast {
			l.hide(i, from+at, to)
			return
		}
	}
	l.random(i, from, to)
}

type prefix struct {
	text    string
	atLeast int
}

// prefixes are how services begin their keys and tokens.
func prefixes() []prefix {
	return []prefix{
		{"AKIA", 20},
		{"ASIA", 20},
		{"ABIA", 20},
		{"ACCA", 20},
		{"AIza", 30},
		{"ya29.", 20},
		{"ghp_", 20},
		{"gho_", 20},
		{"ghu_", 20},
		{"ghs_", 20},
		{"ghr_", 20},
		{"github_pat_", 20},
		{"glpat-", 20},
		{"gldt-", 20},
		{"glrt-", 20},
		{"xoxb-", 16},
		{"xoxp-", 16},
		{"xoxa-", 16},
		{"xoxr-", 16},
		{"xoxs-", 16},
		{"xapp-", 16},
		{"sk_live_", 16},
		{"sk_test_", 16},
		{"rk_live_", 16},
		{"rk_test_", 16},
		{"whsec_", 16},
		{"sk-", 24},
		{"npm_", 24},
		{"pypi-", 24},
		{"dckr_pat_", 16},
		{"hvs.", 16},
		{"hvb.", 16},
		{"dop_v1_", 16},
		{"SG.", 24},
		{"shpat_", 16},
		{"glsa_", 16},
		{"glc_", 16},
		{"hf_", 20},
		{"lin_api_", 16},
		{"dapi", 32},
		{"AGE-SECRET-KEY-", 20},
		{"nfp_", 20},
	}
}

// random hides what no one typed: a long run of letters of both cases and digits, such
// as the secret keys of AWS and Azure. Hashes and ids have one case.
func (l *line) random(i, from, to int) {
	whole := l.args[i]
	for to < len(whole) && (whole[to] == '=' || whole[to] == '/' || tokenByte(whole[to])) {
		to++
	}
	for from > 0 && (whole[from-1] == '/' || tokenByte(whole[from-1])) {
		from--
	}
	for piece := range strings.SplitSeq(whole[from:to], "/") {
		if len(piece) >= 32 && looksRandom(piece, 3) {
			l.hide(i, from, to)
			return
		}
	}
	if whole := whole[from:to]; len(whole) == 40 && looksRandom(strings.ReplaceAll(whole, "/", ""), 1) {
		l.hide(i, from, to)
	}
}

// looksRandom reports whether letters of both cases and at least so many digits come
// in turns.
func looksRandom(text string, atLeast int) bool {
	if strings.Contains(text, ".") {
		return false
	}
	uppers, lowers, numbers, changes := 0, 0, 0, 0
	before := 0
	for i := range len(text) {
		kind := 4
		switch c := text[i]; {
		case upper(c):
			uppers, kind = uppers+1, 1
		case lower(c):
			lowers, kind = lowers+1, 2
		case digit(c):
			numbers, kind = numbers+1, 3
		}
		if kind != before {
			changes++
		}
		before = kind
	}
	return uppers >= 4 && lowers >= 4 && numbers >= atLeast && 3*changes >= len(text)
}

func (l *line) afterPrefix(i int, before string) {
	text := l.args[i]
	if at := strings.Index(text, before); at >= 0 {
		from := at + len(before)
		l.hide(i, from, from+lengthUntil(text[from:], " \t\r\n\"'`"))
	}
}

// privateKeys hides the body of PEM blocks, to the end if they lack theirs.
func (l *line) privateKeys(i int) {
	text := l.args[i]
	for at := 0; ; {
		begin := strings.Index(text[at:], "-----BEGIN ")
		if begin < 0 {
			return
		}
		from := at + begin + len("-----BEGIN ")
		label := lengthUntil(text[from:], "-")
		private := strings.Contains(text[from:from+label], "PRIVATE KEY")
		from = min(len(text), from+label+len("-----"))
		to := len(text)
		if end := strings.Index(text[from:], "-----END"); end >= 0 {
			to = from + end
		}
		if private {
			l.hide(i, from, to)
		}
		at = to
	}
}

// sql hides the password in IDENTIFIED BY '...', PASSWORD '...' and SET PASSWORD FOR
// x = '...'.
func (l *line) sql(i int) {
	folded := fold(l.args[i])
	identified := strings.Contains(folded, "identified")
	for _, word := range []string{" by", "password"} {
		if word == " by" && !identified {
			continue
		}
		for at := 0; ; {
			found := strings.Index(folded[at:], word)
			if found < 0 {
				break
			}
			at += found + len(word)
			l.sqlValue(i, folded, at)
		}
	}
}

func (l *line) sqlValue(i int, folded string, at int) {
	rest := strings.TrimLeft(folded[at:], " \t\r\n=(")
	if strings.HasPrefix(rest, "for ") {
		_, rest, _ = strings.Cut(rest, "=")
	}
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "as "), " ")
	from := len(folded) - len(rest)
	if quoteAt(rest) != "" && from > at {
		l.hide(i, from, valueTo(l.args[i], from, enclosing{}))
	}
}

// fold is ToLower for ASCII: it keeps every byte where it is.
func fold(text string) string {
	folded := []byte(text)
	for i, c := range folded {
		if upper(c) {
			folded[i] = c + 'a' - 'A'
		}
	}
	return string(folded)
}
