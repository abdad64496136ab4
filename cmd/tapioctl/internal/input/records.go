// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package input

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// RecordsOfFile filters log records as a server does, by the same code.
func RecordsOfFile(filter *tapiov1.Filter, kind model.RecordKind, now time.Time) (FileKind, error) {
	query, _, err := protoconv.StreamLogsQuery(&tapiov1.StreamLogsRequest{Filter: filter, HistoryOnly: true}, now)
	if err != nil {
		return FileKind{}, exitcode.UsageErrorf("%v", err)
	}
	query.Kind = kind
	return FileKind{
		read: ReadLine,
		keep: func(b *render.Batch, since model.Nanos) error { return keepRecords(b, &query, since) },
		drop: func(b *render.Batch, n int) { *b = batchOf(b.Events[n:], b.Loss) },
	}, nil
}

func keepRecords(b *render.Batch, query *model.EventQuery, since model.Nanos) error {
	kept := b.Events[:0]
	for _, event := range b.Events {
		row, err := protoconv.EventFromProto(event, "event")
		if err != nil {
			return err
		}
		if row.When() >= since && query.Kind.Match(row.Name) && query.Filter.MatchEvent(&row) {
			kept = append(kept, event)
		}
	}
	*b = batchOf(kept, b.Loss)
	return nil
}

func batchOf(events []*tapiov1.Event, loss *tapiov1.Loss) render.Batch {
	return render.RecordBatch(&tapiov1.StreamLogsResponse{Logs: events, Loss: loss}, events, loss)
}

// ReadLine recognizes what a line is by its keys.
func ReadLine(line []byte) (render.Batch, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil {
		return render.Batch{}, fmt.Errorf("is not a JSON object: %w", err)
	}
	switch {
	case keys["logRecord"] != nil:
		event := &tapiov1.Event{}
		err := protoconv.JSON{}.Unmarshal(line, event)
		return render.RecordBatch(event, []*tapiov1.Event{event}, nil), err
	case keys["logs"] != nil:
		answer := &tapiov1.StreamLogsResponse{}
		err := unmarshalAnswer(line, answer)
		return render.RecordBatch(answer, answer.GetLogs(), answer.GetLoss()), err
	case keys["events"] != nil:
		answer := &tapiov1.SubscribeToEventsResponse{}
		err := unmarshalAnswer(line, answer)
		return render.RecordBatch(answer, answer.GetEvents(), answer.GetLoss()), err
	case keys["loss"] != nil:
		answer := &tapiov1.StreamLogsResponse{}
		err := unmarshalAnswer(line, answer)
		return render.Batch{Raw: answer, Loss: answer.GetLoss()}, err
	default:
		return render.Batch{}, errors.New("has none of the keys logRecord, logs, events: " +
			"give what tapioctl prints for logs or events with -o json or -o jsonpb")
	}
}

// unmarshalAnswer reads an answer that may be of another call with the same
// records, get logs for example.
func unmarshalAnswer(line []byte, m proto.Message) error {
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(line, m)
}
