// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	traceIDDigits = 32
	// minPrefix is the shortest beginning of an id that is looked up.
	minPrefix = 4
	// The newest traces, incidents and records among which an id is looked up by
	// its beginning.
	searchedTraces  = 5_000
	searchedGroups  = 1_000
	searchedRecords = 20_000
)

// splitSpanID takes "trace:span", as findings name a span, apart.
func splitSpanID(text string) (trace, span string) {
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
		return "", usageErrorf("%s id prefix %q is ambiguous: %s", what, m.prefix, strings.Join(firstOf(5, m.ids), ", "))
	}
	if len(m.ids) == 0 {
		return "", nil
	}
	return m.ids[0], nil
}

// traceID completes the beginning of a trace id among the newest traces.
func (a *app) traceID(ctx context.Context, c clients, prefix string) (string, error) {
	if len(prefix) >= traceIDDigits {
		return prefix, nil
	}
	if len(prefix) < minPrefix {
		return "", usageErrorf("trace id %q is too short: give at least %d of its %d hex digits", prefix, minPrefix, traceIDDigits)
	}
	found := matches{prefix: prefix}
	filter := &tapiov1.Filter{Limit: tracesPerPage}
	err := eachPage(filter, searchedTraces, func(int) (int, string, error) {
		response, err := call(ctx, a, c.observability.GetTraces, &tapiov1.GetTracesRequest{Query: &tapiov1.TraceQuery{Filter: filter}})
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
		err = &exitError{exitRefused, fmt.Sprintf("no trace id among the newest %s traces begins with %q: give all %d hex digits to search all",
			thousands(searchedTraces), prefix, traceIDDigits)}
	}
	return id, err
}

// groupID completes the beginning of the id of an incident; "latest" is the
// newest. It returns "" where there is none.
func (a *app) groupID(ctx context.Context, c clients, prefix string) (string, error) {
	if prefix == latest {
		groups, err := a.groups(ctx, c, &tapiov1.GetSemanticGroupsRequest{}, 1)
		if err != nil || len(groups) == 0 {
			return "", err
		}
		return groups[0].GetId(), nil
	}
	groups, err := a.groups(ctx, c, &tapiov1.GetSemanticGroupsRequest{}, searchedGroups)
	if err != nil {
		return "", err
	}
	found := matches{prefix: prefix}
	for _, group := range groups {
		found.add(group.GetId())
	}
	return found.one("incident")
}

// eventID completes the beginning of the id of a record among the newest ones. It
// returns "" where there is none.
func (a *app) eventID(ctx context.Context, c clients, prefix string) (string, error) {
	found := matches{prefix: prefix}
	filter := &tapiov1.Filter{Limit: recordsPerPage}
	err := eachPage(filter, searchedRecords, func(int) (int, string, error) {
		response, err := call(ctx, a, c.observability.GetLogs, &tapiov1.GetLogsRequest{Filter: filter})
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
