// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// recordsOfFile filters log records as a server does, by the same code.
func (a *app) recordsOfFile(f *observeRecordsFlags, kind model.RecordKind) (fileKind, error) {
	filter, err := f.filterUntil(&f.filterFlags, a)
	if err != nil {
		return fileKind{}, err
	}
	query, _, err := protoconv.StreamLogsQuery(&tapiov1.StreamLogsRequest{Filter: filter, HistoryOnly: true}, a.now())
	if err != nil {
		return fileKind{}, usageErrorf("%v", err)
	}
	query.Kind = kind
	return fileKind{
		read: readLine,
		keep: func(b *batch, since model.Nanos) error { return keepRecords(b, &query, since) },
		drop: func(b *batch, n int) { *b = batchOf(b.events[n:], b.loss) },
	}, nil
}

func keepRecords(b *batch, query *model.EventQuery, since model.Nanos) error {
	kept := b.events[:0]
	for _, event := range b.events {
		row, err := protoconv.EventFromProto(event, "event")
		if err != nil {
			return err
		}
		if row.When() >= since && query.Kind.Match(row.Name) && query.Filter.MatchEvent(&row) {
			kept = append(kept, event)
		}
	}
	*b = batchOf(kept, b.loss)
	return nil
}

func batchOf(events []*tapiov1.Event, loss *tapiov1.Loss) batch {
	return recordBatch(&tapiov1.StreamLogsResponse{Logs: events, Loss: loss}, events, loss)
}

// readLine tells by its keys what a line is.
func readLine(line []byte) (batch, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil {
		return batch{}, fmt.Errorf("is not a JSON object: %w", err)
	}
	switch {
	case keys["logRecord"] != nil:
		event := &tapiov1.Event{}
		err := protoconv.JSON{}.Unmarshal(line, event)
		return recordBatch(event, []*tapiov1.Event{event}, nil), err
	case keys["logs"] != nil:
		answer := &tapiov1.StreamLogsResponse{}
		err := unmarshalAnswer(line, answer)
		return recordBatch(answer, answer.GetLogs(), answer.GetLoss()), err
	case keys["events"] != nil:
		answer := &tapiov1.SubscribeToEventsResponse{}
		err := unmarshalAnswer(line, answer)
		return recordBatch(answer, answer.GetEvents(), answer.GetLoss()), err
	case keys["loss"] != nil:
		answer := &tapiov1.StreamLogsResponse{}
		err := unmarshalAnswer(line, answer)
		return batch{raw: answer, loss: answer.GetLoss()}, err
	default:
		return batch{}, errors.New("has none of the keys logRecord, logs, events: " +
			"give what tapioctl prints for logs or events with -o json or -o jsonpb")
	}
}

// unmarshalAnswer reads an answer that may be of another call with the same
// records, get logs for example.
func unmarshalAnswer(line []byte, m proto.Message) error {
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(line, m)
}
