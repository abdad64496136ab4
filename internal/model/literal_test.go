// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLiteralsOfExpressions(t *testing.T) {
	for expression, want := range map[string][]string{
		".*/Orders/.*":      {"/orders/"},
		"a(bcd|efg)+h":      {"bcd", "efg"},
		"(bcd|e*)h":         {"h"},
		"timeout|.*refused": {"timeout", "refused"},
		"timeout|.*":        {},
		"(?i)GRÜN":          {},
		"grünlich":          {"nlich"},
		"(?i)get /cart":     {"get /cart"},
		"(?i)skip":          {},
		"x{2,}abc?":         {"ab"},
		"(abc)*":            {},
		"":                  {},
		"(ab|cd|ef|gh|ij|kl|mn|op|qr|st|uv|wx|yz|AB|CD|EF|GH)": {},
	} {
		s, err := NewSelector("key", "=~", []string{expression})
		require.NoError(t, err)
		assert.ElementsMatch(t, want, s.Literals(), expression)
	}
	for operator, want := range map[string][]string{"=": {"ab"}, "in": {"ab"}, "!=": {}, ">": {}} {
		value := "éAB"
		if operator == ">" {
			value = "5"
		}
		s, err := NewSelector("key", operator, []string{value})
		require.NoError(t, err)
		assert.ElementsMatch(t, want, s.Literals(), operator)
	}
}

func FuzzLiterals(f *testing.F) {
	f.Add(".*(orders|carts)/[0-9]+", "/api/orders/12")
	f.Add("(?i)straße|K+x", "STRASSE")
	f.Fuzz(func(t *testing.T, expression, value string) {
		s, err := NewSelector("key", "=~", []string{expression})
		if err != nil || !s.Holds(StringValue(value), true) {
			return
		}
		literals := s.Literals()
		if len(literals) == 0 {
			return
		}
		for _, literal := range literals {
			if strings.Contains(FoldText(value), literal) {
				return
			}
		}
		t.Fatalf("%q matches %q, which holds none of %q", expression, value, literals)
	})
}
