// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "context"

// EventSink takes events that clients write and passes them into the pipeline.
// A nil error means that the pipeline has accepted them all. Implementations
// are safe for concurrent use and keep neither slice after they return.
type EventSink interface {
	// WriteEvents passes records on.
	WriteEvents(ctx context.Context, events []Event) error

	// WritePayload passes on a serialized OTLP ExportLogsServiceRequest and
	// returns how many records it holds. Malformed bytes give a *FieldError
	// whose Field is "payload".
	WritePayload(ctx context.Context, payload []byte) (records int, err error)
}

// ProfileSink takes profiles that clients upload and passes them into the pipeline, as
// EventSink does events.
type ProfileSink interface {
	// WriteProfiles passes profiles on.
	WriteProfiles(ctx context.Context, profiles []Profile) error
}

// PointSink takes metric points that this program makes and passes them into the pipeline,
// as EventSink does events.
type PointSink interface {
	// WritePoints passes points on.
	WritePoints(ctx context.Context, points []Point) error
}
