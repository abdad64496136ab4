// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/tapio/tapio/internal/backend/working"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

const (
	// combinationsAtOnce is how many combinations of values one request returns, and
	// maxCombinations how many are read for one query.
	combinationsAtOnce, maxCombinations = 2000, 200_000
	// recordsAtOnce is how many records are added to a working set at once.
	recordsAtOnce = 1000
)

// grouping is what records are grouped by: the first of the fields of a label that they
// have or, behind it, those of a dimension.
type grouping struct {
	fields   []field
	severity bool // the last two fields are number and text of the severity
}

// groupOf returns the grouping by a label or dimension; false if the server cannot group as
// this process does.
func (m *mapping) groupOf(name string) (grouping, bool) {
	g := grouping{fields: m.places(model.NewLabelKey(name))}
	for _, f := range g.fields {
		if !f.isExact() || f.class == mixed {
			return g, false
		}
	}
	switch name {
	case model.DimensionName:
		if m.fields[nameField] != texts {
			return g, false
		}
		g.fields = append(g.fields, field{nameField, texts})
	case model.DimensionSeverity:
		g.fields, g.severity = append(g.fields, field{severityNumber, integers}, field{severityText, texts}), true
	}
	return g, true
}

// value returns the value of a group.
func (g *grouping) value(keys []json.RawMessage) (value string, found bool) {
	labels := keys
	if g.severity {
		labels = keys[:len(keys)-2]
	}
	for _, key := range labels {
		if text, set := textOf(key); set {
			return text, true
		}
	}
	if !g.severity {
		return "", false
	}
	number, _ := textOf(keys[len(keys)-2])
	text, _ := textOf(keys[len(keys)-1])
	n, _ := strconv.ParseInt(number, 10, 32) // 0 for none
	e := model.Event{SeverityNumber: int32(n), SeverityText: text}
	return severityName(e.Severity()), true
}

// severityName is the value of the dimension.
func severityName(class model.Severity) string {
	return []string{"unspecified", "trace", "debug", "info", "warn", "error", "fatal"}[class]
}

// textOf returns a key as selectors see the value; false for none.
func textOf(key json.RawMessage) (string, bool) {
	value, err := valueOf(key)
	return value.Text(), err == nil && value.Kind() != model.KindEmpty
}

// combination is a combination of values and the records that have it.
type combination struct {
	Key    map[string]json.RawMessage
	Count  uint64 `json:"doc_count"`
	Errors struct {
		Count uint64 `json:"doc_count"`
	}
	First, Last struct{ Hits struct{ Hits []hit } }
}

// keys returns the values of a grouping whose sources begin with a prefix.
func (c *combination) keys(prefix string, g *grouping) []json.RawMessage {
	list := make([]json.RawMessage, len(g.fields))
	for i := range g.fields {
		list[i] = c.Key[prefix+strconv.Itoa(i)]
	}
	return list
}

// sources are those of a grouping.
func (g *grouping) sources(prefix string) (list []object) {
	for i, f := range g.fields {
		list = append(list, object{prefix + strconv.Itoa(i): object{"terms": object{"field": f.path, "missing_bucket": true}}})
	}
	return list
}

// combinations calls use with each combination of values that selected records have.
func (r *Reader) combinations(ctx context.Context, selects condition, sources []object, further object, use func(c *combination) error) error {
	composite := object{"sources": sources, "size": combinationsAtOnce}
	groups := object{"composite": composite}
	if len(further) > 0 {
		groups["aggregations"] = further
	}
	for read := 0; ; {
		answer, err := r.search(ctx, &searchBody{Query: selects.clause, Aggregations: object{"groups": groups}})
		if err != nil {
			return err
		}
		var page struct {
			AfterKey json.RawMessage `json:"after_key"`
			Buckets  []combination
		}
		if raw := answer.Aggregations["groups"]; len(raw) > 0 {
			if err := json.Unmarshal(raw, &page); err != nil {
				return unexpected(err)
			}
		}
		for i := range page.Buckets {
			if err := use(&page.Buckets[i]); err != nil {
				return err
			}
		}
		if len(page.AfterKey) == 0 || len(page.Buckets) < combinationsAtOnce {
			return nil
		}
		if read += len(page.Buckets); read >= maxCombinations {
			return model.Exhausted("the query has more than %d groups in Elasticsearch: ask for a shorter time range, or group by a label with fewer values", maxCombinations)
		}
		composite["after"] = page.AfterKey
	}
}

// unexpected is the error of an answer that is not as documented.
func unexpected(err error) error {
	return &model.UnavailableError{Problem: "Elasticsearch answers with something unexpected: " + err.Error()}
}

// fromRecords answers a query from the records that it selects, for conditions that the
// server does not know.
func fromRecords[Answer any](ctx context.Context, r *Reader, answer func(from query.Reader) (Answer, error), queries ...model.EventQuery) (nothing Answer, err error) {
	set := working.New(r.QueryMemory)
	defer set.Close()
	var batch []model.Event
	seen := map[string]bool{}
	for i := range queries {
		err := r.each(ctx, &queries[i], walk{ascending: true}, func(e *model.Event) error {
			if len(queries) > 1 {
				if seen[e.ID] {
					return nil
				}
				seen[e.ID] = true
			}
			if batch = append(batch, *e); len(batch) < recordsAtOnce {
				return nil
			}
			err := set.AddEvents(batch)
			batch = batch[:0]
			return err
		})
		if err != nil {
			return nothing, err
		}
	}
	if err := set.AddEvents(batch); err != nil {
		return nothing, err
	}
	return answer(set.Reader())
}

// logs returns the query for the log records of a selection. ok is false if it is of another
// signal: the answer is then empty, or the error.
func (r *Reader) logs(ctx context.Context, selection *model.RecordSelection) (q model.EventQuery, ok bool, err error) {
	switch selection.Signal {
	case model.SignalLogs:
		return selection.Events(), true, nil
	case model.SignalTraces:
		return q, false, r.answer(ctx, spans)
	default:
		return q, false, model.InvalidField("signal", "must be logs or traces, is %s", strconv.Itoa(int(selection.Signal)))
	}
}
