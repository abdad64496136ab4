// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const maxNameBytes = 128 // of a batch or a subscription

// GetEventsQuery converts a query for events, which are records with an event
// name.
func GetEventsQuery(req *tapiov1.GetEventsRequest, now time.Time) (model.EventQuery, error) {
	query, err := pagedEvents(req, req.GetFilter(), now)
	query.Kind = model.EventsOnly
	return query, err
}

// GetLogsQuery converts a query for log records, including events unless the
// request excludes them.
func GetLogsQuery(req *tapiov1.GetLogsRequest, now time.Time) (model.EventQuery, error) {
	query, err := pagedEvents(req, req.GetFilter(), now)
	query.Kind = logsKind(req.GetExcludeEvents())
	if err != nil || req.GetTraceId() == "" {
		return query, err
	}
	query.TraceID, err = traceID("trace_id", req.GetTraceId())
	return query, err
}

func logsKind(excludeEvents bool) model.RecordKind {
	if excludeEvents {
		return model.LogsOnly
	}
	return model.LogsAndEvents
}

func pagedEvents(req proto.Message, f *tapiov1.Filter, now time.Time) (model.EventQuery, error) {
	var query model.EventQuery
	var err error
	if query.Filter, err = filter(f, now); err != nil {
		return query, within("filter", err)
	}
	query.Paging, err = paging(req, f, recordLimits())
	return query, within("filter", err)
}

// SubscribeQuery reads which events a subscriber follows, and from where.
func SubscribeQuery(req *tapiov1.SubscribeToEventsRequest, now time.Time) (model.EventQuery, model.Start, error) {
	query, begin, err := followedEvents(req.GetFilter(), req.GetStart(), req.GetHistoryOnly(), now)
	if !req.GetIncludeLogs() {
		query.Kind = model.EventsOnly
	}
	return query, begin, err
}

// StreamLogsQuery reads which log records a reader follows, and from where.
func StreamLogsQuery(req *tapiov1.StreamLogsRequest, now time.Time) (model.EventQuery, model.Start, error) {
	query, begin, err := followedEvents(req.GetFilter(), req.GetStart(), req.GetHistoryOnly(), now)
	query.Kind = logsKind(req.GetExcludeEvents())
	return query, begin, err
}

// SubscriptionQuery reads a subscription that came over a writer's stream; its
// paths start at StreamEventsRequest. As with SubscribeToEvents, a subscriber
// gets named records unless requested otherwise, which a Subscription has no way to.
func SubscriptionQuery(sub *tapiov1.Subscription, now time.Time) (model.EventQuery, model.Start, error) {
	if n := len(sub.GetSubscriptionId()); n > maxNameBytes {
		err := model.InvalidField("subscription.subscription_id", "has %d bytes, the most is %d", n, maxNameBytes)
		return model.EventQuery{}, model.Start{}, err
	}
	query, begin, err := followedEvents(sub.GetFilter(), sub.GetStart(), false, now)
	query.Kind = model.EventsOnly
	return query, begin, within("subscription", err)
}

func followedEvents(
	f *tapiov1.Filter, s *tapiov1.StreamStart, historyOnly bool, now time.Time,
) (model.EventQuery, model.Start, error) {
	wanted, begin, err := followed(f, s, historyOnly, now)
	return model.EventQuery{Filter: wanted}, begin, err
}

// followed reads the filter and the start of a stream, fields of one message.
func followed(f *tapiov1.Filter, s *tapiov1.StreamStart, historyOnly bool, now time.Time) (model.Filter, model.Start, error) {
	if err := notForStreams(f, historyOnly); err != nil {
		return model.Filter{}, model.Start{}, within("filter", err)
	}
	wanted, err := filter(f, now)
	if err != nil {
		return model.Filter{}, model.Start{}, within("filter", err)
	}
	begin, err := start(s, now)
	return wanted, begin, within("start", err)
}

func traceID(field, text string) (model.TraceID, error) {
	id, err := model.ParseTraceID(text)
	if err != nil {
		return id, model.InvalidField(field, "%v, got %q", err, text)
	}
	return id, nil
}
