// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package servicelist lists services with their requests. Those of a service without spans of requests are
// counted from its metrics.
package servicelist

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tapio/tapio/internal/correlate/redmetric"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

const (
	// maxMetrics is how many metrics of the services are looked at.
	maxMetrics = 2000
	// maxSeries is how many series of requests are read.
	maxSeries = 20000
)

// Reader is what the list is read from.
type Reader interface {
	ListServices(ctx context.Context, q model.ServiceQuery) (model.List[model.Service], error)
	ListMetrics(ctx context.Context, q model.MetricQuery) (model.List[model.MetricInfo], error)
	SelectSeries(ctx context.Context, q model.SeriesQuery) (query.SeriesSet, error)
}

// List returns a page of services as the reader does. A service of which no span reports a request has those
// that its metrics count within the time range; RED.Metrics is set for it. Between the first and the last
// point only: what a counter had before is not known.
func List(ctx context.Context, r Reader, q model.ServiceQuery) (model.List[model.Service], error) {
	list, err := r.ListServices(ctx, q)
	if err != nil {
		return list, err
	}
	bare := map[string]*model.Service{}
	for i := range list.Items {
		if s := &list.Items[i]; s.RED.Requests == 0 && s.Series > 0 && s.Name != "" {
			bare[s.Name] = s
		}
	}
	if len(bare) == 0 {
		return list, nil
	}
	return list, lessened(ctx, count(ctx, r, &q.Filter, bare))
}

// lessened reports in the answer that requests are missing where there is not enough memory to count them. Services are
// listed all the same.
func lessened(ctx context.Context, err error) error {
	var exhausted *model.ExhaustedError
	if !errors.As(err, &exhausted) {
		return err
	}
	incomplete(ctx, "requests of services without spans are not counted: "+exhausted.Error())
	return nil
}

func incomplete(ctx context.Context, message string) {
	query.AddNote(ctx, query.Note{Source: "metrics", State: query.SourceIncomplete, Message: message})
}

// count fills in the requests of the services by name.
func count(ctx context.Context, r Reader, filter *model.Filter, bare map[string]*model.Service) error {
	names, err := namesOf(ctx, r, filter, bare)
	if err != nil || len(names) == 0 {
		return err
	}
	narrowed := *filter
	narrowed.Services = make([]string, 0, len(bare))
	for name := range bare {
		narrowed.Services = append(narrowed.Services, name)
	}
	slices.Sort(narrowed.Services)
	set, err := r.SelectSeries(ctx, model.SeriesQuery{Names: names, Filter: narrowed})
	if err != nil {
		return err
	}
	defer set.Close()
	if set.Len() > maxSeries {
		incomplete(ctx, fmt.Sprintf("requests of services without spans are counted from %d of %d series: narrow the services or labels", maxSeries, set.Len()))
	}
	counted := map[string]*tally{}
	var points []model.Point
	for i := range min(set.Len(), maxSeries) {
		series := set.Series(i)
		metric, found := redmetric.Read(series.Metric, series.Attributes)
		service := series.Resource.Service()
		if !found || metric.Kind != redmetric.Server || bare[service] == nil {
			continue
		}
		if points, err = set.Points(i, points[:0]); err != nil {
			return err
		}
		if counted[service] == nil {
			counted[service] = &tally{metrics: map[string]*requests{}}
		}
		counted[service].of(series.Metric.Name).add(&metric, series.Metric, points)
	}
	for name, t := range counted {
		bare[name].RED = t.red()
	}
	return nil
}

// namesOf lists the metrics of the services that may count requests.
func namesOf(ctx context.Context, r Reader, filter *model.Filter, bare map[string]*model.Service) ([]string, error) {
	list, err := r.ListMetrics(ctx, model.MetricQuery{Filter: *filter, Paging: model.ListPaging{Limit: maxMetrics, ByCount: true}})
	if err != nil {
		return nil, err
	}
	if list.Next != (model.ListPlace{}) {
		incomplete(ctx, fmt.Sprintf("requests of services without spans are counted from %d metrics only: narrow the services or labels", maxMetrics))
	}
	var names []string
	for i := range list.Items {
		m := &list.Items[i]
		ours := len(m.Services) >= model.MaxInstances || slices.ContainsFunc(m.Services, func(name string) bool { return bare[name] != nil })
		if ours && redmetric.MayCount(m.Metric) && !slices.Contains(names, m.Metric.Name) {
			names = append(names, m.Metric.Name)
		}
	}
	return names, nil
}
