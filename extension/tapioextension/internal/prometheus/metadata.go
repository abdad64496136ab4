// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// serveMetadata answers /api/v1/metadata, which Prometheus itself takes from its targets.
func (a *API) serveMetadata(w http.ResponseWriter, r *http.Request) {
	limit, err := numberOf(r, "limit")
	if err != nil {
		respondError(w, http.StatusBadRequest, badData, err)
		return
	}
	limitPerMetric, err := numberOf(r, "limit_per_metric")
	if err != nil {
		respondError(w, http.StatusBadRequest, badData, err)
		return
	}
	found, err := a.Queryable.metadata(r.Context(), r.FormValue("metric"))
	if err != nil {
		respondError(w, http.StatusUnprocessableEntity, execution, err)
		return
	}
	respond(w, bounded(found, limit, limitPerMetric))
}

func numberOf(r *http.Request, name string) (int, error) {
	text := r.FormValue(name)
	if text == "" {
		return -1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, errors.New(name + " must be a number")
	}
	return n, nil
}

// metadata returns what is known of metrics, by family; of one if it is named.
func (q *Queryable) metadata(ctx context.Context, named string) (map[string][]metadata, error) {
	sel, series, err := q.open(ctx, model.TimeRange{}, nil)
	if err != nil {
		return nil, err
	}
	defer sel.Close()
	seen := map[*family]bool{}
	err = series.each(ctx, sel, func(_ query.SeriesRef, is *translated) { seen[is.metric] = true })
	if err != nil {
		return nil, err
	}
	found := map[string][]metadata{}
	for f := range seen {
		if name := f.name; named == "" || named == name || named == f.meta.family {
			if !slices.Contains(found[f.meta.family], f.meta) {
				found[f.meta.family] = append(found[f.meta.family], f.meta)
			}
		}
	}
	for _, list := range found {
		slices.SortFunc(list, func(a, b metadata) int { return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Help, b.Help)) })
	}
	return found, nil
}

func bounded(found map[string][]metadata, limit, limitPerMetric int) map[string][]metadata {
	names := make([]string, 0, len(found))
	for name, list := range found {
		names = append(names, name)
		if limitPerMetric > 0 && len(list) > limitPerMetric {
			found[name] = list[:limitPerMetric]
		}
	}
	slices.Sort(names)
	if limit >= 0 && limit < len(names) {
		for _, name := range names[limit:] {
			delete(found, name)
		}
	}
	return found
}
