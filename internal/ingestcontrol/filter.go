// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingestcontrol

import (
	"context"
	"fmt"
)

// Condition is a condition on a record, as OTTL has them.
type Condition[K any] interface {
	Eval(ctx context.Context, record K) (bool, error)
}

// Filter is the conditions of one signal. The zero Filter wants every record.
type Filter[K any] struct{ include, exclude []Condition[K] }

// NewFilter parses the conditions of a configuration. Its error names the field.
func NewFilter[K any, C Condition[K]](c Config, parse func([]string) ([]C, error)) (Filter[K], error) {
	include, err := conditions[K](c.Include, parse)
	if err != nil {
		return Filter[K]{}, fmt.Errorf("include: must be OTTL conditions: %w", err)
	}
	exclude, err := conditions[K](c.Exclude, parse)
	if err != nil {
		return Filter[K]{}, fmt.Errorf("exclude: must be OTTL conditions: %w", err)
	}
	return Filter[K]{include: include, exclude: exclude}, nil
}

func conditions[K any, C Condition[K]](texts []string, parse func([]string) ([]C, error)) ([]Condition[K], error) {
	if len(texts) == 0 {
		return nil, nil
	}
	parsed, err := parse(texts)
	if err != nil {
		return nil, err
	}
	list := make([]Condition[K], len(parsed))
	for i, c := range parsed {
		list[i] = c
	}
	return list, nil
}

// Idle reports whether there is nothing to evaluate.
func (f *Filter[K]) Idle() bool { return f.include == nil && f.exclude == nil }

// Wants reports whether one of the conditions to include holds and none of those
// to exclude.
func (f *Filter[K]) Wants(ctx context.Context, record K) bool {
	if f.include != nil && !anyHolds(ctx, f.include, record) {
		return false
	}
	return !anyHolds(ctx, f.exclude, record)
}

// anyHolds takes a condition that cannot be evaluated, as of an attribute of
// another type, for one that does not hold: it is not worth a log line for each
// record.
func anyHolds[K any](ctx context.Context, list []Condition[K], record K) bool {
	for _, c := range list {
		if held, err := c.Eval(ctx, record); err == nil && held {
			return true
		}
	}
	return false
}
