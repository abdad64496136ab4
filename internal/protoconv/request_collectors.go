// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// CollectorQuery selects registered collectors.
type CollectorQuery struct {
	Filter model.Filter
	Paging model.Paging
	States []tapiov1.Collector_State
	// OrderBy is collector_id, node or last_seen_at.
	OrderBy string
	Desc    bool
}

// ListCollectorsQuery reads which collectors are asked for.
func ListCollectorsQuery(req *tapiov1.ListCollectorsRequest, now time.Time) (CollectorQuery, error) {
	out := CollectorQuery{States: req.GetStates()}
	f := req.GetFilter()
	if err := notOfCollectors(f); err != nil {
		return out, within("filter", err)
	}
	var err error
	if out.Filter, err = filter(f, now); err != nil {
		return out, within("filter", err)
	}
	if out.Paging, err = paging(req, f, limits{unset: 100, most: 1_000}); err != nil {
		return out, within("filter", err)
	}
	for i, state := range req.GetStates() {
		if err := knownEnum(indexed("states", i), state); err != nil {
			return out, err
		}
	}
	out.OrderBy, out.Desc, err = orderOf(req.GetOrderBy())
	return out, err
}

func notOfCollectors(f *tapiov1.Filter) error {
	const mend = "is for telemetry only: leave it out"
	switch {
	case f.GetTimeRange() != nil:
		return model.InvalidField("time_range", mend)
	case f.GetMinSeverity() != 0:
		return model.InvalidField("min_severity", mend)
	case len(f.GetSeverities()) > 0:
		return model.InvalidField("severities", mend)
	case len(f.GetEventNames()) > 0:
		return model.InvalidField("event_names", mend)
	case f.GetAscending():
		return model.InvalidField("ascending", "must be unset: set the order in order_by")
	default:
		return nil
	}
}

func orderOf(text string) (field string, desc bool, err error) {
	field, desc = strings.CutSuffix(strings.TrimSpace(text), " desc")
	switch field {
	case "":
		return "collector_id", desc, nil
	case "collector_id", "node", "last_seen_at":
		return field, desc, nil
	default:
		return "", false, model.InvalidField("order_by", "%q is no order: write collector_id, node or last_seen_at, "+
			"with \" desc\" behind it for the reverse", text)
	}
}
