// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"strconv"

	"github.com/tapio/tapio/internal/model"
)

// dimension is what rows are grouped by that is no attribute.
type dimension struct{ name, found, value string }

// dimensions returns those of a table.
func (f *source) dimensions() []dimension {
	name := dimension{model.DimensionName, f.name + " != ''", text(f.name)}
	switch f.signal {
	case model.SignalLogs:
		return []dimension{
			{model.DimensionSeverity, "1", "transform(" + severityClass() + ", [1, 2, 3, 4, 5, 6], ['trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'unspecified')"},
			name,
		}
	case model.SignalTraces:
		return []dimension{name, {model.DimensionKind, "1", kindName}, {model.DimensionStatus, "1", statusName}}
	default:
		return []dimension{name}
	}
}

// group returns expressions for whether a row has a label or dimension, and for its value.
func (s *statement) group(f *source, name string) (found, value string) {
	found, value = s.label(f, model.NewLabelKey(name))
	for _, d := range f.dimensions() {
		if d.name == name {
			return anyOf([]string{found, d.found}), "if(" + found + ", " + value + ", " + d.value + ")"
		}
	}
	return found, value
}

// records returns the table of a selection and its conditions.
func (s *statement) records(selection *model.RecordSelection) (*source, []string, error) {
	switch selection.Signal {
	case model.SignalLogs:
		f, q := s.logs(), selection.Events()
		return f, s.events(f, &q), nil
	case model.SignalTraces:
		f, q := s.traces(), selection.Spans()
		return f, s.spans(f, &q), nil
	default:
		return nil, nil, model.InvalidField("signal", "must be logs or traces, is %s", strconv.Itoa(int(selection.Signal)))
	}
}
