// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/intern"
)

// metricTally is what is counted of one metric.
type metricTally struct {
	info     model.MetricInfo
	services map[string]bool
	extent   extent
}

// ListMetrics implements query.Discoverer.
func (s *Store) ListMetrics(ctx context.Context, q model.MetricQuery) (model.List[model.MetricInfo], error) {
	a := s.budget.Account(ctx)
	defer a.Close()
	tallies := map[string]*metricTally{}
	service := model.NewLabelKey(semconv.ServiceName)
	err := s.countSeries(ctx, &q.Filter, q.Names, a, func(series *model.Series, widen func(*extent)) error {
		key := series.Metric.ListKey()
		tally, known := tallies[key]
		if !known {
			if err := a.Take(tallyBytes + int64(len(key))); err != nil {
				return err
			}
			tally = &metricTally{info: model.MetricInfo{Metric: series.Metric}, services: map[string]bool{}}
			tallies[key] = tally
		}
		if tally.info.Metric.Description == "" { // another source may describe it
			tally.info.Metric = series.Metric
		}
		tally.info.Series++
		widen(&tally.extent)
		if name := textOf(series.Labels(), service); !tally.services[name] {
			tally.services[name] = true
			return a.Take(int64(intern.InternBytes + len(name)))
		}
		return nil
	})
	if err != nil {
		return model.List[model.MetricInfo]{}, err
	}
	items := make([]listed[model.MetricInfo], 0, len(tallies))
	for key, tally := range tallies {
		info := tally.info
		info.First, info.Last = tally.extent.oldest, tally.extent.newest
		info.Services = slices.Sorted(maps.Keys(tally.services))
		info.Services = info.Services[:min(len(info.Services), model.MaxInstances)]
		items = append(items, listed[model.MetricInfo]{
			item: info, place: model.ListPlace{Key: key, Count: info.Series},
			bytes: textBytes(info.Services...) + len(info.Metric.Description),
		})
	}
	return pageOf(items, q.Paging), nil
}
