// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Template is what log records of one form take.
type Template struct {
	Text, Service string
	EventName     string // "" for plain log lines
	Records       uint64
	Bytes         uint64
	Share         float64
	Severity      model.Severity
	MonthlyCost   float64

	severities map[model.Severity]uint64
}

const (
	maxLogsRead  = 20_000
	logPage      = 1000
	logPageBytes = 2 << 20
	maxTemplates = 2000
	maxWords     = 40
	// variable stands for what differs from record to record.
	variable = "<*>"
)

// logs reads the newest records of the range and groups them by form.
func (a *Advisor) logs(ctx context.Context, q Query) ([]Template, float64, error) {
	events := model.EventQuery{Filter: q.filter(), Paging: model.Paging{Limit: logPage, MaxBytes: logPageBytes}}
	total, err := a.Reader.CountRecords(ctx, model.CountQuery{
		Selection: model.RecordSelection{Signal: model.SignalLogs, Filter: events.Filter}, Limit: 1,
	})
	if err != nil || total.Total == 0 {
		return nil, 1, err
	}
	found := map[string]*Template{}
	read, bytes := uint64(0), uint64(0)
	var first, last model.Nanos
	for read < maxLogsRead {
		page, err := a.Reader.QueryEvents(ctx, events)
		if err != nil {
			return nil, 0, err
		}
		for i := range page.Rows {
			record := &page.Rows[i]
			size := uint64(record.AnswerSize())
			read, bytes = read+1, bytes+size
			last, first = max(last, record.When()), record.When()
			note(found, record, size)
		}
		if page.Next.IsZero() {
			break
		}
		events.Paging.After = page.Next
	}
	covered := time.Duration(last - min(first, last))
	return a.topLogs(found, bytes, float64(total.Total)/float64(read), covered, q.Top), float64(read) / float64(total.Total), nil
}

func note(found map[string]*Template, record *model.Event, size uint64) {
	service, _ := record.Resource.Attributes.Get(semconv.ServiceName)
	form := templateOf(record.Body.Text())
	key := service.Text() + "\x00" + record.Name + "\x00" + form
	one := found[key]
	if one == nil {
		if len(found) >= maxTemplates {
			return
		}
		one = &Template{Text: form, Service: service.Text(), EventName: record.Name, severities: map[model.Severity]uint64{}}
		found[key] = one
	}
	one.Records++
	one.Bytes += size
	one.severities[record.Severity()]++
}

// topLogs scales what was read to all, where not all was.
func (a *Advisor) topLogs(found map[string]*Template, bytes uint64, scale float64, covered time.Duration, top int) []Template {
	list := slices.SortedFunc(maps.Values(found), func(x, y *Template) int {
		return cmp.Or(cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Text, y.Text))
	})
	templates := make([]Template, 0, top)
	for _, t := range list[:min(top, len(list))] {
		t.Share = float64(t.Bytes) / float64(bytes)
		t.MonthlyCost = a.monthly(t.Bytes, covered)
		t.Records, t.Bytes = uint64(float64(t.Records)*scale), uint64(float64(t.Bytes)*scale)
		for severity, n := range t.severities {
			if n > t.severities[t.Severity] || n == t.severities[t.Severity] && severity > t.Severity {
				t.Severity = severity
			}
		}
		templates = append(templates, *t)
	}
	return templates
}

// templateOf replaces the words of a text that have a digit, for these differ from record
// to record.
func templateOf(text string) string {
	words := strings.Fields(text)
	cut := len(words) > maxWords
	if cut {
		words = words[:maxWords]
	}
	form := words[:0]
	for _, word := range words {
		key, value, assigned := strings.Cut(word, "=")
		switch {
		case assigned && key != "" && !varies(key):
			if varies(value) || strings.HasPrefix(value, `"`) {
				value = variable
			}
			word = key + "=" + value
		case varies(word):
			word = variable
		}
		if n := len(form); n > 0 && word == variable && form[n-1] == variable {
			continue
		}
		form = append(form, word)
	}
	if cut && (len(form) == 0 || form[len(form)-1] != variable) {
		form = append(form, variable)
	}
	return strings.Join(form, " ")
}

func varies(word string) bool {
	return strings.ContainsAny(word, "0123456789") || len(word) > 40
}

// Filter is a condition of OTTL that holds for records of the form.
func (t *Template) Filter() string {
	var parts []string
	if t.Service != "" {
		parts = append(parts, fmt.Sprintf(`resource.attributes["service.name"] == %s`, quote(t.Service)))
	}
	if t.EventName != "" {
		parts = append(parts, "event_name == "+quote(t.EventName))
	}
	if t.EventName == "" || t.Text != "" && t.Text != variable {
		parts = append(parts, fmt.Sprintf("IsMatch(body, %s)", quote(t.expression())))
	}
	return strings.Join(parts, " and ")
}

// expression matches the texts that have the form. A variable may be several words.
func (t *Template) expression() string {
	words := strings.Fields(t.Text)
	for i, word := range words {
		key, value, assigned := strings.Cut(word, "=")
		switch {
		case word == variable:
			words[i] = `.+`
		case assigned && value == variable:
			words[i] = regexp.QuoteMeta(key+"=") + `.*`
		default:
			words[i] = regexp.QuoteMeta(word)
		}
	}
	return `^\s*` + strings.Join(words, `\s+`) + `\s*$`
}

// quote writes a string as OTTL reads it.
func quote(text string) string { return strconv.Quote(text) }
