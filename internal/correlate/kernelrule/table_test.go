// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernelrule

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// eventsOfTheConventions are the values of the constants Event... of internal/semconv.
func eventsOfTheConventions(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "semconv", "names.go"), nil, 0)
	require.NoError(t, err)
	events := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Event") || len(spec.Values) != 1 {
			return true
		}
		if value, ok := spec.Values[0].(*ast.BasicLit); ok {
			text, err := strconv.Unquote(value.Value)
			require.NoError(t, err)
			if strings.HasPrefix(text, "tapio.") {
				events[spec.Names[0].Name] = text
			}
		}
		return true
	})
	return events
}

func TestEachEventHasARuleOrIsIgnored(t *testing.T) {
	events, rules, ignored := eventsOfTheConventions(t), NewTable(), Ignored()
	require.Greater(t, len(events), 15)
	for name, event := range events {
		_, ruled := rules[event]
		_, left := ignored[event]
		assert.True(t, ruled != left, "semconv.%s (%s) needs a rule or a reason in Ignored, and not both", name, event)
	}
	for event := range ignored {
		assert.Contains(t, events, keyOf(events, event), "Ignored lists %s, which is no event", event)
	}
}

func keyOf(events map[string]string, value string) string {
	for name, event := range events {
		if event == value {
			return name
		}
	}
	return ""
}

func TestRulesAreComplete(t *testing.T) {
	rules := Rules()
	assert.Len(t, NewTable(), len(rules), "two rules have one name")
	byKind := map[Kind]Rule{}
	for _, r := range rules {
		assert.NotEmpty(t, r.Kind, r.Event)
		assert.NotEmpty(t, r.Text, r.Event)
		assert.NotZero(t, r.Advice, r.Event)
		assert.NotEqual(t, model.GroupUnspecified, r.Group, r.Event)
		if same, found := byKind[r.Kind]; found {
			assert.Equal(t, []any{same.Text, same.Group, same.Advice, same.Stage, same.Opens}, []any{r.Text, r.Group, r.Advice, r.Stage, r.Opens}, r.Event)
		}
		byKind[r.Kind] = r
	}
}
