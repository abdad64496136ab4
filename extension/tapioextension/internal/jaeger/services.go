// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package jaeger

import (
	"cmp"
	"context"
	"slices"

	"github.com/tapio/tapio/internal/model"
)

// maxListed is the most services, or operations of a service, that are listed.
const maxListed = 10_000

// serviceNames returns the names of the services that have spans, sorted.
func (h *Handler) serviceNames(ctx context.Context) ([]string, error) {
	query := model.ServiceQuery{Paging: model.ListPaging{Limit: maxListed}}
	list, err := h.reader.ListServices(ctx, query)
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Items {
		switch service := &list.Items[i]; {
		case service.Spans == 0:
		case service.Name == "":
			unnamed, err := h.unnamedServices(ctx)
			if err != nil {
				return nil, err
			}
			names = append(names, unnamed...)
		default:
			names = append(names, service.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// unnamedServices returns which of the names there is that stand for none.
func (h *Handler) unnamedServices(ctx context.Context) (names []string, err error) {
	for _, name := range []string{missingService, emptyService} {
		query, err := (&search{service: name, end: h.now()}).query()
		if err != nil {
			return nil, err
		}
		query.Filter.Time, query.Paging.Limit = model.TimeRange{}, 1
		page, err := h.reader.QueryTraces(ctx, query)
		if err != nil {
			return nil, err
		}
		if len(page.Rows) > 0 {
			names = append(names, name)
		}
	}
	return names, nil
}

// operationsOf returns the operations of a service with spans of the kind, sorted;
// "" is every kind.
func (h *Handler) operationsOf(ctx context.Context, service, kind string) ([]operation, error) {
	services, selectors, err := selectService(service)
	if err != nil || service == "" {
		return []operation{}, err
	}
	found, err := h.reader.ListOperations(ctx, model.OperationQuery{
		Filter: model.Filter{Services: services, Selectors: selectors}, Paging: model.ListPaging{Limit: maxListed},
	})
	if err != nil {
		return nil, err
	}
	list := []operation{}
	for i := range found.Items {
		one := operation{Name: found.Items[i].Name, SpanKind: model.SpanKindName(found.Items[i].Kind)}
		if kind == "" || kind == one.SpanKind {
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b operation) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SpanKind, b.SpanKind))
	})
	return slices.Compact(list), nil
}
