// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redisstate

import (
	"context"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store"
)

// feedRows is how many incidents are read at once.
const feedRows = 100

// incidents are the states of incidents from now on.
func (s *State) incidents() *store.Tail[model.Event] {
	return s.Store.TailRecords(model.EventQuery{
		Kind: model.EventsOnly, Filter: model.Filter{EventNames: []string{model.SemanticGroupEvent}},
	}, model.Start{})
}

// feed writes each state of an incident to a stream. While Redis does not answer, they wait
// in the store.
func (s *State) feed(ctx context.Context, tail *store.Tail[model.Event]) {
	for {
		rows, loss, err := tail.Next(ctx, feedRows)
		if err != nil {
			return
		}
		s.dropped.incidents.Add(loss.Count)
		for i := range rows {
			if group, ok := otlp.FindingFromEvent(&rows[i]).(*model.SemanticGroup); ok && !s.publish(ctx, group, &rows[i]) {
				return
			}
		}
	}
}

// publish writes one entry, and tries again until it succeeds. It returns false if the
// context ends before.
func (s *State) publish(ctx context.Context, group *model.SemanticGroup, record *model.Event) bool {
	entry := redis.Args{s.key("incidents"), "MAXLEN", "~", s.config.IncidentStreamLength, "*"}.AddFlat(incidentFields(group, record, s.ID))
	for !s.do(ctx, func(ctx context.Context, conn redis.Conn) error {
		_, err := redis.DoContext(conn, ctx, "XADD", entry...)
		return err
	}) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(retryAfter):
		}
	}
	return true
}

// incidentFields are names and values of an entry.
func incidentFields(g *model.SemanticGroup, record *model.Event, server string) []string {
	text := func(key string) string {
		v, _ := record.Attributes.Get(key)
		return v.Text()
	}
	instant := func(at model.Nanos) string {
		if at == 0 {
			return ""
		}
		return time.Unix(0, int64(at)).UTC().Format(time.RFC3339Nano)
	}
	cause := ""
	if len(g.RootCause.Factors) > 0 {
		entity := &g.RootCause.Factors[0].Entity
		cause = entity.Kind.String() + "/" + entity.Name
	}
	return []string{
		"id", g.ID, "kind", text(semconv.GroupKind), "state", text(semconv.GroupState), "title", g.Title, "services", strings.Join(g.Services, ","),
		"cause", cause, "summary", g.RootCause.Summary, "start", instant(g.Range.Start), "end", instant(g.Range.End), "time", instant(g.Time), "server", server,
	}
}
