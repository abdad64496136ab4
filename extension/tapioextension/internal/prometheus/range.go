// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/promql"
)

// QueryRange evaluates an expression at each step of a time range and hands the result
// to use, which must not keep it. It waits for its turn as requests do.
func (a *API) QueryRange(
	ctx context.Context, expression string, start, end time.Time, step time.Duration, use func(promql.Matrix),
) error {
	leave, err := a.Turns.Enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	query, err := a.Engine.NewRangeQuery(ctx, a.Queryable, nil, expression, start, end, step)
	if err != nil {
		return err
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return result.Err
	}
	matrix, err := result.Matrix()
	if err != nil {
		return err
	}
	use(matrix)
	return nil
}
