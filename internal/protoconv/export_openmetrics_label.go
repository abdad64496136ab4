// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/promname"
)

func labelsOf(s *model.Series) promname.Labels {
	l := promname.NewLabels()
	l.Origin(s.Resource)
	l.Set("otel_scope_name", s.Scope.Name)
	l.Set("otel_scope_version", s.Scope.Version)
	l.Attributes(s.Attributes, promname.Label)
	l.Attributes(s.Scope.Attributes, func(key string) string { return promname.LegalLabel("otel_scope_" + key) })
	l.Attributes(slices.DeleteFunc(slices.Clone(s.Resource.Attributes), func(kv model.KeyValue) bool {
		return promname.IsOrigin(kv.Key)
	}), promname.Label)
	return l
}

// textOf sorts the labels, so that one set has one text.
func textOf(l *promname.Labels) string {
	slices.Sort(l.Names)
	parts := make([]string, len(l.Names))
	for i, name := range l.Names {
		parts[i] = label(name, l.Values[name])
	}
	return strings.Join(parts, ",")
}

func label(name, value string) string { return name + `="` + escape(value) + `"` }

// escape makes a text fit a label value or a help line. A NUL ends the text for
// some parsers, so it is replaced as invalid UTF-8 is.
func escape(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if !strings.ContainsAny(s, "\\\"\n\x00") {
		return s
	}
	return strings.NewReplacer("\\", `\\`, `"`, `\"`, "\n", `\n`, "\x00", "\uFFFD").Replace(s)
}
