// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Batch is one message of a stream, of whatever signal.
type Batch struct {
	Raw    proto.Message
	Events []*tapiov1.Event // of log records only
	Loss   *tapiov1.Loss
	Rows   int
	Last   uint64 // sequence of the last row; 0: the message has none
}

// RecordBatch makes a batch of log records.
func RecordBatch(raw proto.Message, events []*tapiov1.Event, loss *tapiov1.Loss) Batch {
	b := Batch{Raw: raw, Events: events, Rows: len(events), Loss: loss}
	for _, event := range events {
		b.Last = max(b.Last, event.GetSequence())
	}
	return b
}

// Printer prints what a stream brings, in one format.
type Printer interface{ Print(Batch) error }

// StreamPrinter is what the printers of all signals have in common.
type StreamPrinter struct {
	*Output
	format string
	headed bool
}

// printShared prints a loss, which comes before what was not lost, and whole
// messages for the formats that want them so; done: there is no more to print.
func (p *StreamPrinter) printShared(b Batch) (done bool, err error) {
	if b.Loss != nil {
		p.printLoss(b.Loss)
	}
	if p.format == "jsonpb" {
		return true, p.PrintRawJSON(b.Raw)
	}
	return false, nil
}

func (p *StreamPrinter) printLoss(loss *tapiov1.Loss) {
	p.Note("lost %s (sequence %d to %d): %s",
		Plural(loss.GetCount(), "record"), loss.GetFirstSequence(), loss.GetLastSequence(), lossReason(loss.GetReason()))
	if p.format == "json" || p.format == "yaml" {
		p.PrintDocument(p.format, append(AppendJSON([]byte(`{"loss":`), loss), '}'))
	}
}

func lossReason(reason tapiov1.Loss_Reason) string {
	switch reason {
	case tapiov1.Loss_REASON_READER_LAPPED:
		return "this reader was slower than the writers; narrow the selection"
	case tapiov1.Loss_REASON_EVICTED:
		return "the store evicted them before the requested position"
	case tapiov1.Loss_REASON_RATE_LIMITED:
		return "held back by the subscription's rate limit"
	case tapiov1.Loss_REASON_READER_BEHIND:
		return "this reader was too far behind and was moved on to the newest; narrow the selection"
	default:
		return "the server gives no reason"
	}
}

// printHeading prints a heading once: a live stream has no widest cell, so its
// columns are of fixed widths.
func (p *StreamPrinter) printHeadingOnce(titles []string, widths []int) {
	if !p.headed {
		p.printHeading(titles, widths)
		p.headed = true
	}
}
