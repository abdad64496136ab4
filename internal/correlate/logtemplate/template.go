// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package logtemplate reads log lines: the template of each, its level, the message without time and
// level, and the place in the source code that wrote it.
package logtemplate

import (
	"strings"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/model"
)

const (
	maxBodyBytes   = 256 // of a body; the rest is nearly always a parameter
	maxTokens      = 24
	templateCost   = 1280 // bytes of a template with its entries in the tables
	similarity     = 0.5  // share of equal tokens of one template, as in Drain
	groupTemplates = 64   // templates of one shape; further lines use the most similar one
	wild           = "<*>"
)

// Miner finds the templates of log lines, after Drain (He et al., 2017): lines of the same length and
// first word belong to one template if most of their tokens are equal.
type Miner struct {
	Known     *lru.Table[uint64, *Template] // by the hash of the masked line
	shapes    *lru.Table[string, []*Template]
	templates int // number over all shapes, at most `most`
	most      int
	tokens    []string
	scope     string // the service that logs
}

// Template is what the lines of one statement have in common.
type Template struct {
	Tokens []string // nil once it is forgotten: then only the text remains
	Text   string
	Place  string // place in the source code, "" for none
}

// NewMiner makes a miner that uses at most this many bytes.
func NewMiner(bytes int) *Miner {
	n := bytes / templateCost
	return &Miner{Known: lru.New[uint64, *Template](n / 2), shapes: lru.New[string, []*Template](n), most: n / 2}
}

// By returns the miner for the lines of a service: templates are not shared between services.
func (m *Miner) By(service string) *Miner {
	m.scope = service
	return m
}

// Memory is the number of bytes in use.
func (m *Miner) Memory() int { return m.Known.Size()*templateCost/2 + m.templates*templateCost }

// Of returns the template of a line.
func (m *Miner) Of(line string) *Template {
	m.tokens = tokenize(m.tokens[:0], line)
	masked := hash.Text(hashTokens(m.tokens), m.scope)
	if t := m.Known.Get(masked); t != nil {
		return *t
	}
	t := m.match()
	m.Known.Put(masked, t)
	return t
}

// match finds the most similar template of the line's shape, or makes one.
func (m *Miner) match() *Template {
	shape := m.scope + shapeOf(m.tokens)
	list := m.shapes.Get(shape)
	if list == nil {
		list = m.shapes.Put(shape, nil)
	}
	var best *Template
	most := similarity
	for _, t := range *list {
		if s := equalShare(t.Tokens, m.tokens); s > most {
			best, most = t, s
		}
	}
	switch {
	case best != nil:
		best.generalize(m.tokens)
	case len(*list) >= groupTemplates:
		best = (*list)[0]
	default:
		best = newTemplate(m.tokens)
		*list = append(*list, best)
		m.templates++
		m.makeRoom()
	}
	return best
}

// makeRoom forgets the least recently used shapes, with their templates.
func (m *Miner) makeRoom() {
	for m.templates > m.most && m.shapes.Size() > 1 {
		shape, oldest := m.shapes.Last()
		m.templates -= len(oldest)
		for _, t := range oldest {
			t.Tokens = nil
		}
		m.shapes.Remove(shape)
		m.Known.Evicted++
	}
}

func newTemplate(tokens []string) *Template {
	t := &Template{Tokens: make([]string, len(tokens))}
	for i, token := range tokens {
		t.Tokens[i] = strings.Clone(token)
	}
	t.Text = strings.Join(t.Tokens, " ")
	t.Place = placeOfTokens(t.Tokens)
	return t
}

// generalize replaces each token that differs by a wild card. The text stays that of the first line,
// because it is the template's name.
func (t *Template) generalize(tokens []string) {
	for i := range t.Tokens {
		if t.Tokens[i] != tokens[i] {
			t.Tokens[i] = wild
		}
	}
}

// Shown is the template for display.
func (t *Template) Shown() string {
	if t.Tokens == nil {
		return bound.Name(t.Text)
	}
	return bound.Name(strings.Join(t.Tokens, " "))
}

func equalShare(a, b []string) float64 {
	if len(a) == 0 {
		return 1
	}
	equal := 0
	for i := range a {
		if a[i] == b[i] {
			equal++
		}
	}
	return float64(equal) / float64(len(a))
}

// shapeOf is what all lines of a template have in common: length, first word, and places in the source
// code.
func shapeOf(tokens []string) string {
	var b strings.Builder
	b.WriteByte(byte('a' + len(tokens)))
	for i, token := range tokens {
		if (i == 0 && token != wild) || IsCodePlace(token) {
			b.WriteByte(' ')
			b.WriteString(token)
		}
	}
	return b.String()
}

// IsCodePlace reports whether the token is a place in source code, such as Class#31 or file.go:31.
func IsCodePlace(token string) bool {
	at := strings.LastIndexAny(token, "#:")
	if at < 1 || at == len(token)-1 || !isLetter(token[0]) {
		return false
	}
	for i := at + 1; i < len(token); i++ {
		if token[i] < '0' || token[i] > '9' {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// tokenize splits a line at blanks and brackets, and replaces tokens that look like values by wild
// cards.
func tokenize(tokens []string, line string) []string {
	if len(line) > maxBodyBytes {
		line = line[:maxBodyBytes]
	}
	start := -1
	for i := 0; i <= len(line) && len(tokens) < maxTokens; i++ {
		if i < len(line) && !isBreak(line[i]) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			tokens = append(tokens, masked(line[start:i]))
			start = -1
		}
	}
	return tokens
}

func isBreak(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', '[', ']', '(', ')', '{', '}', ',', ';', '"', '\'', '=':
		return true
	}
	return false
}

// masked replaces a token that looks like a value: it begins with a digit, or is a hexadecimal number
// of eight or more digits.
func masked(token string) string {
	c := token[0]
	if c >= '0' && c <= '9' || c == '-' || c == '+' || c == '/' || c == '$' {
		return wild
	}
	if len(token) < 8 || IsCodePlace(token) {
		return token
	}
	digits := 0
	for i := range len(token) {
		c := token[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c == '-' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
		default:
			return token
		}
	}
	if digits > 0 {
		return wild
	}
	return token
}

// hashTokens hashes a masked line. Collisions are harmless.
func hashTokens(tokens []string) uint64 {
	h := uint64(hash.Seed)
	for _, token := range tokens {
		for i := range len(token) {
			h = (h ^ uint64(token[i])) * hash.Prime
		}
		h = (h ^ ' ') * hash.Prime
	}
	return h
}

// LineOf returns the text of an event from which its template is mined: the body, or the message
// within a body that is a map or a JSON object.
func LineOf(e *model.Event) string {
	switch e.Body.Kind() {
	case model.KindString:
		body := e.Body.Str()
		if strings.HasPrefix(body, "{") {
			return messageOf(body)
		}
		return body
	case model.KindMap:
		for _, kv := range e.Body.Items() {
			if kv.Key == "message" || kv.Key == "msg" {
				return kv.Value.Str()
			}
		}
	default: // no text
	}
	return e.Name
}

// messageOf extracts the message from a JSON object without parsing all of it. If there is none, it
// returns the body.
func messageOf(body string) string {
	for _, key := range [...]string{`"message":"`, `"message": "`, `"msg":"`} {
		if _, rest, found := strings.Cut(body, key); found {
			if end := strings.IndexByte(rest, '"'); end > 0 {
				return rest[:end]
			}
		}
	}
	return body
}
