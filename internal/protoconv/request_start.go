// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const maxStartLast = 10_000

// start reads where a stream begins. Paths in its errors start at the
// StreamStart.
func start(s *tapiov1.StreamStart, now time.Time) (model.Start, error) {
	switch position := s.GetPosition().(type) {
	case *tapiov1.StreamStart_Last:
		if position.Last == 0 || position.Last > maxStartLast {
			return model.Start{}, model.InvalidField("last", "must be 1 to %d, is %d", maxStartLast, position.Last)
		}
		return model.Start{Last: int(position.Last)}, nil
	case *tapiov1.StreamStart_Since:
		return startSince(position, now)
	case *tapiov1.StreamStart_SinceTime:
		at, err := instant("since_time", position.SinceTime)
		if err == nil && at == 0 {
			err = model.InvalidField("since_time", "must lie after 1970-01-01T00:00:00Z")
		}
		return model.Start{Since: at}, err
	case *tapiov1.StreamStart_AfterSequence:
		return model.Start{After: position.AfterSequence, Resume: true}, nil
	default:
		return model.Start{}, nil
	}
}

func startSince(position *tapiov1.StreamStart_Since, now time.Time) (model.Start, error) {
	age, err := duration("since", position.Since)
	if err != nil {
		return model.Start{}, err
	}
	if age <= 0 {
		return model.Start{}, model.InvalidField("since", "must be above 0, is %v", age)
	}
	// 0 would mean to begin with the next record.
	return model.Start{Since: max(1, nanosOf(now.Add(-age)))}, nil
}
