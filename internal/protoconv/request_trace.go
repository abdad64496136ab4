// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"slices"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const maxTraceIDs = 1_000

// GetTracesQuery reads a query for traces.
func GetTracesQuery(req *tapiov1.GetTracesRequest, now time.Time) (model.TraceQuery, error) {
	query, err := traceConditions(req.GetQuery())
	if err != nil {
		return query, within("query", err)
	}
	if err := idsAlone(req.GetQuery()); err != nil {
		return query, within("query", err)
	}
	f := req.GetQuery().GetFilter()
	if query.Filter, err = unnamedFilter(f, now); err != nil {
		return query, within("query.filter", err)
	}
	query.Paging, err = paging(req, f, traceLimits())
	return query, within("query.filter", err)
}

// StreamTracesQuery reads which spans a reader follows, and from where.
func StreamTracesQuery(req *tapiov1.StreamTracesRequest, now time.Time) (model.TraceQuery, model.Start, error) {
	f := req.GetQuery().GetFilter()
	if err := notForStreams(f, req.GetHistoryOnly()); err != nil {
		return model.TraceQuery{}, model.Start{}, within("query.filter", err)
	}
	query, err := traceConditions(req.GetQuery())
	if err != nil {
		return query, model.Start{}, within("query", err)
	}
	if err := idsAlone(req.GetQuery()); err != nil {
		return query, model.Start{}, within("query", err)
	}
	if query.Filter, err = unnamedFilter(f, now); err != nil {
		return query, model.Start{}, within("query.filter", err)
	}
	begin, err := start(req.GetStart(), now)
	return query, begin, within("start", err)
}

func traceConditions(q *tapiov1.TraceQuery) (model.TraceQuery, error) {
	query := model.TraceQuery{Operations: q.GetOperations()}
	var err error
	if query.TraceIDs, err = traceIDs(q.GetTraceIds()); err != nil {
		return query, err
	}
	if query.StatusCodes, err = enumNumbers("status_codes", q.GetStatusCodes()); err != nil {
		return query, err
	}
	if query.Kinds, err = enumNumbers("kinds", q.GetKinds()); err != nil {
		return query, err
	}
	if query.Tags, err = spanTags(q.GetTags()); err != nil {
		return query, err
	}
	query.MinDuration, query.MaxDuration, err = durationBounds(q)
	return query, err
}

const (
	maxTags          = 64
	maxTagValueBytes = 4096
)

func spanTags(in []*tapiov1.SpanTag) (tags []model.SpanTag, err error) {
	if err := atMost("tags", len(in), maxTags); err != nil {
		return nil, err
	}
	for i, tag := range in {
		if err := checkLabel(indexed("tags", i)+".key", tag.GetKey()); err != nil {
			return nil, err
		}
		if n := len(tag.GetValue()); n > maxTagValueBytes {
			return nil, model.InvalidField(indexed("tags", i)+".value", "has %d bytes, the most is %d", n, maxTagValueBytes)
		}
		tags = append(tags, model.SpanTag{Key: tag.GetKey(), Value: tag.GetValue()})
	}
	return tags, nil
}

// idsAlone refuses conditions beside ids, for no one would look at them.
func idsAlone(q *tapiov1.TraceQuery) error {
	if len(q.GetTraceIds()) == 0 {
		return nil
	}
	if field := firstCondition(q); field != "" {
		return model.InvalidField(field, "leave it out: trace_ids alone select")
	}
	return nil
}

// firstCondition names a condition that is set, "" for none. It goes by the
// descriptors, so that a condition of a later day is not forgotten.
func firstCondition(q *tapiov1.TraceQuery) string {
	if field := firstSet(q.ProtoReflect(), "trace_ids", "filter"); field != "" {
		return field
	}
	if field := firstSet(q.GetFilter().ProtoReflect(), "limit", "page_token"); field != "" {
		return "filter." + field
	}
	return ""
}

func firstSet(m protoreflect.Message, ignored ...protoreflect.Name) string {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); m.Has(field) && !slices.Contains(ignored, field.Name()) {
			return string(field.Name())
		}
	}
	return ""
}

func traceIDs(in []string) ([]model.TraceID, error) {
	if err := atMost("trace_ids", len(in), maxTraceIDs); err != nil {
		return nil, err
	}
	out := make([]model.TraceID, len(in))
	for i, text := range in {
		var err error
		if out[i], err = traceID(indexed("trace_ids", i), text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func enumNumbers[E protoreflect.Enum](field string, in []E) ([]int32, error) {
	out := make([]int32, len(in))
	for i, value := range in {
		if err := knownEnum(indexed(field, i), value); err != nil {
			return nil, err
		}
		out[i] = int32(value.Number())
	}
	return out, nil
}

func durationBounds(q *tapiov1.TraceQuery) (least, most time.Duration, err error) {
	if least, err = notNegative("min_duration", q.GetMinDuration()); err != nil {
		return 0, 0, err
	}
	if most, err = notNegative("max_duration", q.GetMaxDuration()); err != nil {
		return 0, 0, err
	}
	if most != 0 && most < least {
		return 0, 0, model.InvalidField("max_duration", "is %v, below min_duration %v: swap the two", most, least)
	}
	return least, most, nil
}
