// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// pending is a batch that is not acknowledged.
type pending struct {
	*tapiov1.EventBatch
	bytes  int  // of its events
	packed bool // it went as a payload the last time
	plain  bool // it must not: the server did not take the payload
}

// sizeInBatch is what an event adds to the message of its batch.
func sizeInBatch(event *tapiov1.Event) int { return 1 + protowire.SizeBytes(proto.Size(event)) }

// EventTooLongError is what Write returns for an event that does not fit a
// message.
type EventTooLongError struct {
	// Bytes is how long the event is, Most how long it may be.
	Bytes, Most int
}

func (e *EventTooLongError) Error() string {
	return fmt.Sprintf("the event has %d bytes, the most that fits a message is %d: shorten it, or raise "+
		"grpc::max_recv_msg_size_mib of the server and WriterOptions.MessageBytes", e.Bytes, e.Most)
}

// envelopeBytes is what a batch takes beside its events, at most.
const envelopeBytes = 1 << 10
