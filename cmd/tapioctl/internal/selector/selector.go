// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const selectorExample = `write for example 'service=checkout,team in (a,b),path=~"/api/.*",!gone'`

// Parse reads label selectors in kubectl's syntax, with =~ and !~ for
// regular expressions. A key or value that holds a character of the syntax
// stands in double quotes, where \" and \\ mean " and \ and any other
// backslash stands for itself, so that expressions need no second escaping.
func Parse(text string) ([]*tapiov1.Filter_LabelSelector, error) {
	p := &selectorParser{rest: text}
	var selectors []*tapiov1.Filter_LabelSelector
	for {
		selector, err := p.selector()
		if err != nil {
			return nil, exitcode.UsageErrorf("--selector %q: %v: %s", text, err, selectorExample)
		}
		selectors = append(selectors, selector)
		p.skipSpace()
		if p.rest == "" {
			return selectors, nil
		}
		if !p.take(",") {
			return nil, exitcode.UsageErrorf("--selector %q: expected a comma before %q: %s", text, p.rest, selectorExample)
		}
	}
}

type selectorParser struct{ rest string }

func (p *selectorParser) selector() (*tapiov1.Filter_LabelSelector, error) {
	p.skipSpace()
	absent := p.take("!")
	key, err := p.word(endsKey)
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, fmt.Errorf("expected a key before %q", p.rest)
	}
	selector := &tapiov1.Filter_LabelSelector{Key: key}
	if absent {
		selector.Operator = "!exists"
		return selector, nil
	}
	selector.Operator = p.operator()
	selector.Values, err = p.values(selector.Operator)
	return selector, err
}

// operator reads the operator behind a key; a key alone means that it exists.
func (p *selectorParser) operator() string {
	p.skipSpace()
	for _, symbol := range []string{"==", "=~", "!=", "!~", "=", ">=", "<=", ">", "<"} {
		if p.take(symbol) {
			if symbol == "==" {
				return "="
			}
			return symbol
		}
	}
	for _, word := range []string{"in", "notin"} {
		if p.takeWord(word) {
			return word
		}
	}
	return "exists"
}

func (p *selectorParser) values(operator string) ([]string, error) {
	switch operator {
	case "exists":
		return nil, nil
	case "in", "notin":
		return p.list()
	default:
		value, err := p.word(endsValue)
		return []string{value}, err
	}
}

func (p *selectorParser) list() ([]string, error) {
	p.skipSpace()
	if !p.take("(") {
		return nil, fmt.Errorf("expected a list in parentheses before %q", p.rest)
	}
	var values []string
	for {
		value, err := p.word(endsListValue)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		if p.take(")") {
			return values, nil
		}
		if !p.take(",") {
			return nil, fmt.Errorf("expected a comma or a closing parenthesis before %q", p.rest)
		}
	}
}

func endsKey(r rune) bool       { return unicode.IsSpace(r) || strings.ContainsRune(`=!~<>,()"`, r) }
func endsValue(r rune) bool     { return r == ',' }
func endsListValue(r rune) bool { return r == ',' || r == ')' }

// word reads a quoted word, or one up to a rune that ends it; space round it
// does not count.
func (p *selectorParser) word(ends func(rune) bool) (string, error) {
	p.skipSpace()
	if p.take(`"`) {
		word, err := p.quoted()
		p.skipSpace()
		return word, err
	}
	end := strings.IndexFunc(p.rest, ends)
	if end < 0 {
		end = len(p.rest)
	}
	word := strings.TrimSpace(p.rest[:end])
	p.rest = p.rest[end:]
	return word, nil
}

func (p *selectorParser) quoted() (string, error) {
	var word strings.Builder
	for i := 0; i < len(p.rest); i++ {
		c := p.rest[i]
		if c == '"' {
			p.rest = p.rest[i+1:]
			return word.String(), nil
		}
		if c == '\\' && i+1 < len(p.rest) && (p.rest[i+1] == '"' || p.rest[i+1] == '\\') {
			i++
			c = p.rest[i]
		}
		word.WriteByte(c)
	}
	return "", errors.New("a quote is not closed")
}

func (p *selectorParser) skipSpace() { p.rest = strings.TrimLeftFunc(p.rest, unicode.IsSpace) }

func (p *selectorParser) take(token string) bool {
	rest, found := strings.CutPrefix(p.rest, token)
	if found {
		p.rest = rest
	}
	return found
}

// takeWord takes an operator that is a word: it must end where a word ends.
func (p *selectorParser) takeWord(word string) bool {
	rest, found := strings.CutPrefix(p.rest, word)
	if !found || (rest != "" && !strings.HasPrefix(rest, "(") && !unicode.IsSpace(rune(rest[0]))) {
		return false
	}
	p.rest = rest
	return true
}
