// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	traceIDDigits = 32
	// MinPrefix is the shortest beginning of an id that is looked up.
	MinPrefix = 4
	// The newest traces, incidents and records among which an id is looked up by
	// its beginning.
	searchedTraces  = 5_000
	searchedGroups  = 1_000
	searchedRecords = 20_000
)

// SplitSpanID takes "trace:span", as findings name a span, apart.
func SplitSpanID(text string) (trace, span string) {
	trace, span, _ = strings.Cut(strings.ToLower(strings.TrimSpace(text)), ":")
	return trace, span
}

// matches collects the distinct ids that begin with a prefix.
type matches struct {
	prefix string
	ids    []string
}

func (m *matches) add(id string) {
	if !strings.HasPrefix(id, m.prefix) {
		return
	}
	for _, known := range m.ids {
		if known == id {
			return
		}
	}
	m.ids = append(m.ids, id)
}

// one is the id that was meant, "" where there is none.
func (m *matches) one(what string) (string, error) {
	if len(m.ids) > 1 {
		return "", exitcode.UsageErrorf("%s id prefix %q is ambiguous: %s", what, m.prefix, strings.Join(render.FirstOf(5, m.ids), ", "))
	}
	if len(m.ids) == 0 {
		return "", nil
	}
	return m.ids[0], nil
}

// FindTraceID completes the beginning of a trace id among the newest traces.
func FindTraceID(ctx context.Context, a *App, c Clients, prefix string) (string, error) {
	if len(prefix) >= traceIDDigits {
		return prefix, nil
	}
	if len(prefix) < MinPrefix {
		return "", exitcode.UsageErrorf("trace id %q is too short: give at least %d of its %d hex digits", prefix, MinPrefix, traceIDDigits)
	}
	found := matches{prefix: prefix}
	filter := &tapiov1.Filter{Limit: TracesPerPage}
	err := EachPage(filter, searchedTraces, func(int) (int, string, error) {
		response, err := Call(ctx, a, c.Observability.GetTraces, &tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{Filter: filter}})
		for _, trace := range response.GetTraces() {
			found.add(trace.GetTraceId())
		}
		return len(response.GetTraces()), response.GetNextPageToken(), err
	})
	if err != nil {
		return "", err
	}
	id, err := found.one("trace")
	if err == nil && id == "" {
		err = &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("no trace id among the newest %s traces begins with %q: give all %d hex digits to search all",
			render.Thousands(searchedTraces), prefix, traceIDDigits)}
	}
	return id, err
}

// FindGroupID completes the beginning of the id of an incident; "latest" is the
// newest. It returns "" where there is none.
func FindGroupID(ctx context.Context, a *App, c Clients, prefix string) (string, error) {
	if prefix == Latest {
		groups, err := FetchGroups(ctx, a, c, &tapiov1.GetSemanticGroupsRequest{}, 1)
		if err != nil || len(groups) == 0 {
			return "", err
		}
		return groups[0].GetId(), nil
	}
	groups, err := FetchGroups(ctx, a, c, &tapiov1.GetSemanticGroupsRequest{}, searchedGroups)
	if err != nil {
		return "", err
	}
	found := matches{prefix: prefix}
	for _, group := range groups {
		found.add(group.GetId())
	}
	return found.one("incident")
}

// FindEventID completes the beginning of the id of a record among the newest ones. It
// returns "" where there is none.
func FindEventID(ctx context.Context, a *App, c Clients, prefix string) (string, error) {
	found := matches{prefix: prefix}
	filter := &tapiov1.Filter{Limit: RecordsPerPage}
	err := EachPage(filter, searchedRecords, func(int) (int, string, error) {
		response, err := Call(ctx, a, c.Observability.GetLogs, &tapiov1.GetLogsRequest{Filter: filter})
		for _, event := range response.GetLogs() {
			found.add(event.GetId())
		}
		return len(response.GetLogs()), response.GetNextPageToken(), err
	})
	if err != nil {
		return "", err
	}
	return found.one("record")
}

// Latest stands for the newest incident.
const Latest = "latest"
