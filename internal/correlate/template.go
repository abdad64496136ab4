// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

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

// miner finds the templates of log lines, after Drain (He et al., 2017): lines of the same length and
// first word belong to one template if most of their tokens are equal.
type miner struct {
	known     *lru[uint64, *template] // by the hash of the masked line
	shapes    *lru[string, []*template]
	templates int // number over all shapes, at most `most`
	most      int
	tokens    []string
	scope     string // the service that logs
}

type template struct {
	tokens []string // nil once it is forgotten: then only the text remains
	text   string
	place  string // place in the source code, "" for none
}

func newMiner(bytes int) *miner {
	n := bytes / templateCost
	return &miner{known: newLRU[uint64, *template](n / 2), shapes: newLRU[string, []*template](n), most: n / 2}
}

// by returns the miner for the lines of a service: templates are not shared between services.
func (m *miner) by(service string) *miner {
	m.scope = service
	return m
}

func (m *miner) memory() int { return m.known.size()*templateCost/2 + m.templates*templateCost }

// of returns the template of a line.
func (m *miner) of(line string) *template {
	m.tokens = tokenize(m.tokens[:0], line)
	hash := hashText(hashTokens(m.tokens), m.scope)
	if t := m.known.get(hash); t != nil {
		return *t
	}
	t := m.match()
	m.known.put(hash, t)
	return t
}

// match finds the most similar template of the line's shape, or makes one.
func (m *miner) match() *template {
	shape := m.scope + shapeOf(m.tokens)
	list := m.shapes.get(shape)
	if list == nil {
		list = m.shapes.put(shape, nil)
	}
	var best *template
	most := similarity
	for _, t := range *list {
		if s := equalShare(t.tokens, m.tokens); s > most {
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
func (m *miner) makeRoom() {
	for m.templates > m.most && m.shapes.size() > 1 {
		oldest := m.shapes.last
		m.templates -= len(oldest.value)
		for _, t := range oldest.value {
			t.tokens = nil
		}
		m.shapes.remove(oldest.key)
		m.known.evicted++
	}
}

func newTemplate(tokens []string) *template {
	t := &template{tokens: make([]string, len(tokens))}
	for i, token := range tokens {
		t.tokens[i] = strings.Clone(token)
	}
	t.text = strings.Join(t.tokens, " ")
	t.place = placeOfTokens(t.tokens)
	return t
}

// generalize replaces each token that differs by a wild card. The text stays that of the first line,
// because it is the template's name.
func (t *template) generalize(tokens []string) {
	for i := range t.tokens {
		if t.tokens[i] != tokens[i] {
			t.tokens[i] = wild
		}
	}
}

// shown is the template for display.
func (t *template) shown() string {
	if t.tokens == nil {
		return short(t.text)
	}
	return short(strings.Join(t.tokens, " "))
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
		if (i == 0 && token != wild) || isCodePlace(token) {
			b.WriteByte(' ')
			b.WriteString(token)
		}
	}
	return b.String()
}

// isCodePlace reports whether the token is a place in source code, such as Class#31 or file.go:31.
func isCodePlace(token string) bool {
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
	if len(token) < 8 || isCodePlace(token) {
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
	h := uint64(hashSeed)
	for _, token := range tokens {
		for i := range len(token) {
			h = (h ^ uint64(token[i])) * hashPrime
		}
		h = (h ^ ' ') * hashPrime
	}
	return h
}

// lineOf returns the text of an event from which its template is mined: the body, or the message
// within a body that is a map or a JSON object.
func lineOf(e *model.Event) string {
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
