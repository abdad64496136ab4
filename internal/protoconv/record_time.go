// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
)

// timestamp makes a Timestamp; an unknown time is unset.
func timestamp(t model.Nanos) *timestamppb.Timestamp {
	if t == 0 {
		return nil
	}
	return &timestamppb.Timestamp{Seconds: int64(t / 1e9), Nanos: int32(t % 1e9)}
}

// stretch makes a Duration. It does not go over time.Duration, which a stray
// start time of 0 would overflow in the year 2262.
func stretch(d model.Nanos) *durationpb.Duration {
	return &durationpb.Duration{Seconds: int64(d / 1e9), Nanos: int32(d % 1e9)}
}
