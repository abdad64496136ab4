// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"cmp"
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// recordNumber identifies a record of the dataset.
func recordNumber(attributes model.Attributes) int64 {
	v, _ := attributes.Get(number)
	n, _ := v.Number()
	return int64(n)
}

// selected returns the numbers of the records that a query selects, the newest first.
func (d *dataset) selected(q *model.EventQuery) []int64 {
	var rows []*model.Event
	for i := range d.events {
		e := &d.events[i]
		if q.Kind.Match(e.Name) && (q.TraceID.IsZero() || q.TraceID == e.TraceID) && q.Filter.MatchEvent(e) {
			rows = append(rows, e)
		}
	}
	slices.SortFunc(rows, func(a, b *model.Event) int { return cmp.Compare(b.When(), a.When()) })
	numbers := make([]int64, len(rows))
	for i, e := range rows {
		numbers[i] = recordNumber(e.Attributes)
	}
	return numbers
}

func numbersOf(rows []model.Event) []int64 {
	numbers := make([]int64, len(rows))
	for i := range rows {
		numbers[i] = recordNumber(rows[i].Attributes)
	}
	return numbers
}

func (s *suite) allEvents(t *testing.T, q model.EventQuery) []model.Event {
	rows, _ := pagesOf(t, q.Paging, func(ctx context.Context, paging model.Paging) (model.Page[model.Event], error) {
		q.Paging = paging
		return s.reader.QueryEvents(ctx, q)
	})
	return rows
}

// labelSelectors are selectors of every operator, on attributes of records, scopes and
// resources, by short and by full names.
func labelSelectors(t *testing.T) map[string]model.Selector {
	return map[string]model.Selector{
		"equal":                   selector(t, "user", "=", "user-3"),
		"equal integer":           selector(t, semconv.HTTPResponseStatusCode, "=", "500"),
		"equal double":            selector(t, "ratio", "=", "0.25"),
		"equal boolean":           selector(t, "cached", "=", "true"),
		"equal by short name":     selector(t, "service", "=", "orders"),
		"equal, one of two names": selector(t, "namespace", "=", "shop"),
		"equal nothing":           selector(t, "user", "=", "nobody"),
		"equal empty":             selector(t, "user", "=", ""),
		"not equal":               selector(t, "user", "!=", "user-3"),
		"not equal empty":         selector(t, "user", "!=", ""),
		"in":                      selector(t, "instance", "in", "gateway-1", "billing-0"),
		"not in":                  selector(t, semconv.HTTPResponseStatusCode, "notin", "200", "201", "404"),
		"exists":                  selector(t, "ratio", "exists"),
		"exists in no record":     selector(t, "no.such.label", "exists"),
		"does not exist":          selector(t, semconv.ServiceName, "!exists"),
		"matches":                 selector(t, "user", "=~", "user-[0-4]"),
		"matches all of it":       selector(t, semconv.ServiceInstanceID, "=~", "gate"),
		"matches any":             selector(t, semconv.ServiceInstanceID, "=~", "gate.*"),
		"matches, either case":    selector(t, "service", "=~", "(?i)ORDERS|Billing"),
		"does not match":          selector(t, "version", "!~", "1\\..*"),
		"greater":                 selector(t, semconv.HTTPResponseStatusCode, ">", "404"),
		"at least":                selector(t, semconv.HTTPResponseStatusCode, ">=", "404"),
		"less":                    selector(t, "ratio", "<", "2.5"),
		"at most":                 selector(t, "ratio", "<=", "-1"),
		"number in a text":        selector(t, "size", ">=", "4500"),
		"number of a text label":  selector(t, "user", ">", "0"),
		"scope":                   selector(t, "scope", "=", "shop/billing"),
	}
}

func (s *suite) eventFilters(t *testing.T) {
	filters := map[string]model.Filter{
		"all":                    {},
		"time":                   {Time: model.TimeRange{Start: datasetStart + 2*minute, End: datasetStart + 3*minute}},
		"open time":              {Time: model.TimeRange{Start: datasetStart + 9*minute}},
		"until":                  {Time: model.TimeRange{End: datasetStart + 30*second + 1}},
		"empty time":             {Time: model.TimeRange{Start: datasetStart + 1, End: datasetStart + 1}},
		"severities":             {Severities: []model.Severity{model.SeverityDebug, model.SeverityFatal}},
		"no severity":            {Severities: []model.Severity{model.SeverityUnspecified}},
		"least severity":         {MinSeverity: model.SeverityError},
		"event name":             {EventNames: []string{"shop.refund"}},
		"beginning of the name":  {EventNames: []string{"shop.*", "release"}},
		"services":               {Services: []string{"gateway", "billing", "unknown"}},
		"namespaces":             {Namespaces: []string{"edge"}},
		"text":                   {Text: model.FoldText("REFUSED")},
		"text beyond ASCII":      {Text: model.FoldText("käufer 4")},
		"text with wildcards":    {Text: model.FoldText("100%% DONE: a_b 10")},
		"text that is no regexp": {Text: model.FoldText("10.0.0.")},
		"text of a name":         {Text: model.FoldText("CHECKOUT")},
		"text of an attribute":   {Text: model.FoldText("user-6")},
		"text of one letter":     {Text: "ü"},
		"text that is not there": {Text: "no such text"},
		"text across fields":     {Text: "refuseduser"},
	}
	for name, one := range labelSelectors(t) {
		filters["label "+name] = model.Filter{Selectors: []model.Selector{one}}
	}
	filters["all conditions"] = model.Filter{
		Selectors: []model.Selector{selector(t, "host", "=", "node-1"), selector(t, "ratio", "!exists")},
		Services:  []string{"gateway", "orders"}, MinSeverity: model.SeverityInfo, Text: "a",
		Time: model.TimeRange{Start: datasetStart + minute, End: datasetEnd - minute},
	}
	for name, filter := range filters {
		for _, invert := range []bool{false, true} {
			filter.Invert = invert
			t.Run(name+map[bool]string{true: ", inverted"}[invert], func(t *testing.T) {
				q := model.EventQuery{Filter: filter, Paging: model.Paging{Limit: 1000}}
				got := s.allEvents(t, q)
				require.Equal(t, s.data.selected(&q), numbersOf(got))
			})
		}
	}
}

func (s *suite) eventKinds(t *testing.T) {
	for name, q := range map[string]model.EventQuery{
		"logs":              {Kind: model.LogsOnly},
		"events":            {Kind: model.EventsOnly},
		"events of a name":  {Kind: model.EventsOnly, Filter: model.Filter{EventNames: []string{"shop.*"}}},
		"of a trace":        {TraceID: traceID(13)},
		"logs of a trace":   {TraceID: traceID(13), Kind: model.LogsOnly},
		"events of a trace": {TraceID: traceID(83), Kind: model.EventsOnly},
		"of no trace":       {TraceID: model.TraceID{15: 9}},
	} {
		t.Run(name, func(t *testing.T) {
			q.Paging.Limit = 1000
			require.Equal(t, s.data.selected(&q), numbersOf(s.allEvents(t, q)))
		})
	}
}

// eventContent requires that records come back as they were written.
func (s *suite) eventContent(t *testing.T) {
	rows := s.allEvents(t, model.EventQuery{Paging: model.Paging{Limit: 1000, Ascending: true}})
	require.Len(t, rows, len(s.data.events))
	written := map[int64]*model.Event{}
	for i := range s.data.events {
		written[recordNumber(s.data.events[i].Attributes)] = &s.data.events[i]
	}
	ids := map[string]bool{}
	for i := range rows {
		row := rows[i]
		require.NotEmpty(t, row.ID)
		require.False(t, ids[row.ID], "id %s is used twice", row.ID)
		require.NotZero(t, row.Seq)
		ids[row.ID] = true
		row.ID, row.Seq = "", 0
		want := *written[recordNumber(row.Attributes)]
		require.Equal(t, *want.Resource, *row.Resource)
		require.Equal(t, *want.Scope, *row.Scope)
		row.Resource, row.Scope = want.Resource, want.Scope
		require.Equal(t, want, row)
	}
}

func (s *suite) eventPages(t *testing.T) {
	for name, filter := range map[string]model.Filter{
		"all": {}, "a few": {MinSeverity: model.SeverityFatal}, "time": {Time: model.TimeRange{Start: datasetStart + 3*minute, End: datasetStart + 4*minute}},
	} {
		for _, ascending := range []bool{false, true} {
			for _, limit := range []int{1, 7, 100, 1000} {
				q := model.EventQuery{Filter: filter, Paging: model.Paging{Limit: limit, Ascending: ascending}}
				want := s.data.selected(&q)
				if ascending {
					slices.Reverse(want)
				}
				if limit == 1 && len(want) > 80 {
					continue // the others show the same
				}
				require.Equal(t, want, numbersOf(s.allEvents(t, q)), "%s, %d a page, ascending: %v", name, limit, ascending)
			}
		}
	}
	q := model.EventQuery{Paging: model.Paging{Limit: 1000, MaxBytes: 1}}
	page := answer(t, func(ctx context.Context) (model.Page[model.Event], error) { return s.reader.QueryEvents(ctx, q) })
	require.NotEmpty(t, page.Rows, "a page holds a record even if it is larger than the page")
}

func (s *suite) eventByID(t *testing.T) {
	rows := s.allEvents(t, model.EventQuery{Paging: model.Paging{Limit: 1000}, Filter: model.Filter{Services: []string{"orders"}}})
	require.NotEmpty(t, rows)
	for i := range rows {
		if i%20 != 0 && rows[i].UID() == "" {
			continue
		}
		got, found, err := s.reader.EventByID(within(t), rows[i].ID)
		require.NoError(t, err)
		require.True(t, found, rows[i].ID)
		require.Equal(t, recordNumber(rows[i].Attributes), recordNumber(got.Attributes))
		require.Equal(t, rows[i].ID, got.ID)
	}
	_, found, err := s.reader.EventByID(within(t), "no-such-record")
	require.NoError(t, err)
	require.False(t, found)
}
