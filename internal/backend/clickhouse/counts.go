// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// maxCounts is the most buckets of all groups, so that an answer fits one message.
const maxCounts = 100_000

// CountRecords implements query.Discoverer.
func (r *Reader) CountRecords(ctx context.Context, q model.CountQuery) (answer model.Counts, err error) {
	if q.Resolution < 0 {
		return answer, model.InvalidField("resolution", "must be above 0, or 0 for one bucket; is %v", q.Resolution)
	}
	s, err := r.begin(ctx)
	if err != nil {
		return answer, err
	}
	f, conditions, err := s.records(&q.Selection)
	if err != nil || !s.schema.exists(f.table) {
		return answer, err
	}
	value, bucket := "''", s.integer(int64(q.Selection.Filter.Time.Start))
	if q.GroupBy != "" {
		var found string
		if found, value = s.group(f, q.GroupBy); q.GroupBy == model.DimensionDuration && q.Selection.Signal == model.SignalTraces {
			value = "if(" + found + ", " + text(value) + ", " + durationGroup + ")"
		}
	}
	if q.Resolution > 0 {
		resolution := s.integer(int64(q.Resolution))
		bucket = nanos(f.at) + " - " + nanos(f.at) + " % " + resolution
	}
	groups := "SELECT " + text(value) + " AS value, " + bucket + " AS bucket, count() AS n FROM " + f.from(s.reader) + " WHERE " + all(conditions) + " GROUP BY value, bucket"
	counter := counter{limit: max(q.Limit, 1), buckets: map[model.Nanos]bool{}}
	// Groups come by their size, so that those above the limit can be put together.
	sql := "SELECT value, bucket, n, sum(n) OVER (PARTITION BY value) AS total FROM (" + groups + ") ORDER BY total DESC, value, bucket"
	err = s.each(ctx, sql, func(scan scanner) error {
		var value string
		var bucket int64
		var n, total uint64
		if err := scan(&value, &bucket, &n, &total); err != nil {
			return err
		}
		return counter.add(&q, groupText(value), nanosOf(bucket), n, total)
	})
	if err != nil {
		return model.Counts{}, err
	}
	return counter.result(), nil
}

// durationGroup is the bucket of a span's duration, for groupText.
const durationGroup = "concat(char(0), if(" + took + " = 0, '', toString(toInt32(ceil(2 * log2(" + took + ") - 1e-9)))))"

// groupText returns the value of a group, see durationGroup.
func groupText(value string) string {
	half, marked := strings.CutPrefix(value, "\x00")
	if !marked {
		return value
	}
	n, err := strconv.Atoi(half)
	if err != nil {
		return "0"
	}
	return model.BoundOfHalf(n)
}

// counter collects the groups of an answer.
type counter struct {
	limit   int
	answer  model.Counts
	others  map[model.Nanos]uint64
	buckets map[model.Nanos]bool
	cells   int
}

func (c *counter) add(q *model.CountQuery, value string, at model.Nanos, n, total uint64) error {
	if c.buckets[at] = true; len(c.buckets) > model.MaxCountBuckets {
		return model.InvalidField("resolution", "%v makes more than %d buckets with records: give a coarser one, or a shorter time range",
			q.Resolution, model.MaxCountBuckets)
	}
	c.answer.Total += n
	groups := c.answer.Groups
	switch last := len(groups) - 1; {
	case last >= 0 && c.others == nil && groups[last].Value == value:
		groups[last].Counts = append(groups[last].Counts, model.CountBucket{Start: at, Count: n})
	case len(groups) < c.limit:
		c.answer.Groups = append(c.answer.Groups, model.CountGroup{Value: value, Total: total, Counts: []model.CountBucket{{Start: at, Count: n}}})
	default:
		if c.others == nil {
			c.others = map[model.Nanos]uint64{}
		}
		c.others[at] += n
		return nil
	}
	if c.cells++; c.cells > maxCounts {
		return model.InvalidField("limit", "%d groups have more than %d buckets together: give fewer groups or a coarser resolution", c.limit, maxCounts)
	}
	return nil
}

func (c *counter) result() model.Counts {
	if c.others == nil {
		return c.answer
	}
	group := model.CountGroup{Others: true}
	for at, n := range c.others {
		group.Total += n
		group.Counts = append(group.Counts, model.CountBucket{Start: at, Count: n})
	}
	slices.SortFunc(group.Counts, func(a, b model.CountBucket) int { return cmp.Compare(a.Start, b.Start) })
	c.answer.Groups = append(c.answer.Groups, group)
	return c.answer
}
