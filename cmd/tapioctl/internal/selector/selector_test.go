// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func selector(key, operator string, values ...string) *tapiov1.Filter_LabelSelector {
	return &tapiov1.Filter_LabelSelector{Key: key, Operator: operator, Values: values}
}

func TestParseSelectors(t *testing.T) {
	type selectors = []*tapiov1.Filter_LabelSelector
	for text, want := range map[string]selectors{
		"service=checkout":          {selector("service", "=", "checkout")},
		"service == checkout ":      {selector("service", "=", "checkout")},
		"service!=x":                {selector("service", "!=", "x")},
		"k=":                        {selector("k", "=", "")},
		"k=,a=b":                    {selector("k", "=", ""), selector("a", "=", "b")},
		"k=a b":                     {selector("k", "=", "a b")},
		"k=a=b":                     {selector("k", "=", "a=b")},
		"gone":                      {selector("gone", "exists")},
		"!gone":                     {selector("gone", "!exists")},
		"! gone , here":             {selector("gone", "!exists"), selector("here", "exists")},
		"team in (a,b)":             {selector("team", "in", "a", "b")},
		"team in( a , b )":          {selector("team", "in", "a", "b")},
		"team notin (a,)":           {selector("team", "notin", "a", "")},
		"in notin (in)":             {selector("in", "notin", "in")},
		"inner":                     {selector("inner", "exists")},
		"k=~v.*":                    {selector("k", "=~", "v.*")},
		"k>=500":                    {selector("k", ">=", "500")},
		"k < 0.5,l>1":               {selector("k", "<", "0.5"), selector("l", ">", "1")},
		"k=~(a|b)":                  {selector("k", "=~", "(a|b)")},
		`k!~"a{1,2}\d"`:             {selector("k", "!~", `a{1,2}\d`)},
		`k="say \"hi\" \\"`:         {selector("k", "=", `say "hi" \`)},
		`"odd=key"="a,b" , c`:       {selector("odd=key", "=", "a,b"), selector("c", "exists")},
		`k in ("a,b", c)`:           {selector("k", "in", "a,b", "c")},
		"app.kubernetes.io/name=x":  {selector("app.kubernetes.io/name", "=", "x")},
		"clé=été":                   {selector("clé", "=", "été")},
		"service=a,severity!=x,!g ": {selector("service", "=", "a"), selector("severity", "!=", "x"), selector("g", "!exists")},
	} {
		t.Run(text, func(t *testing.T) {
			got, err := Parse(text)
			require.NoError(t, err)
			require.Len(t, got, len(want))
			for i := range want {
				assert.Truef(t, proto.Equal(want[i], got[i]), "selector %d: want %v, got %v", i, want[i], got[i])
			}
		})
	}
}

func TestParseSelectorsRefuses(t *testing.T) {
	for text, problem := range map[string]string{
		"":              "expected a key",
		",a":            "expected a key",
		"a,":            "expected a key",
		"=b":            "expected a key",
		"a ~1":          "expected a comma",
		"a b":           "expected a comma",
		"a in b":        "parentheses",
		"a in (b":       "closing parenthesis",
		`a in ("b" c)`:  "closing parenthesis",
		`a="b`:          "quote is not closed",
		`a="b"c`:        "expected a comma",
		"!a=b":          "expected a comma",
		`"a\"=b`:        "quote is not closed",
		"a notin (b)) ": "expected a comma",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := Parse(text)
			require.ErrorContains(t, err, problem)
			assert.Contains(t, err.Error(), "write for example", "says how to mend it")
		})
	}
}

// formatSelectors writes selectors with every word in quotes.
func formatSelectors(list []*tapiov1.Filter_LabelSelector) string {
	quote := func(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
	var texts []string
	for _, s := range list {
		key, values := quote(s.GetKey()), s.GetValues()
		switch s.GetOperator() {
		case "exists":
			texts = append(texts, key)
		case "!exists":
			texts = append(texts, "!"+key)
		case "in", "notin":
			var quoted []string
			for _, v := range values {
				quoted = append(quoted, quote(v))
			}
			texts = append(texts, key+" "+s.GetOperator()+" ("+strings.Join(quoted, ",")+")")
		default:
			texts = append(texts, key+s.GetOperator()+quote(values[0]))
		}
	}
	return strings.Join(texts, ",")
}

// What parses is the same after it was written out and parsed again, and has
// the number of values that the contract asks for.
func FuzzParseSelectors(f *testing.F) {
	for _, seed := range []string{"a=b", "a in (b,c),!d", `k=~"a{1,2}\d",x`, `"a\\"!="\""`, "a notin ()", "!", "a=\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(formatSelectors(list))
		require.NoError(t, err)
		require.Len(t, again, len(list))
		for i, s := range list {
			require.NotEmpty(t, s.GetKey())
			require.Equal(t, s.GetKey(), again[i].GetKey())
			require.Equal(t, s.GetOperator(), again[i].GetOperator())
			require.Equal(t, s.GetValues(), again[i].GetValues())
		}
	})
}
