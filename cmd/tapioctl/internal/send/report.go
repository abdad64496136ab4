// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/tapio/tapio/client"
	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// sendReport follows what becomes of the events that send reads.
type sendReport struct {
	*app.App
	began time.Time

	mu      sync.Mutex
	places  []place // of the events that are not acknowledged, in order
	total   uint64  // events read
	stored  uint64
	refused map[string]uint64 // by reason
	named   int               // refusals reported one by one

	skipped      map[string]uint64 // parts of the input, by reason
	skippedNamed int               // of these, reported one by one
	converted    uint64            // lines that were not UTF-8
	settled      time.Time         // of the last acknowledgement
}

// MaxNamed bounds the refusals, and the skipped parts, that are reported one by
// one; all are counted.
const MaxNamed = 10

var errGaveUp = errors.New("the server has acknowledged nothing for --retry-for")

func newSendReport(a *app.App) *sendReport {
	now := time.Now()
	return &sendReport{App: a, began: now, settled: now, refused: map[string]uint64{}, skipped: map[string]uint64{}}
}

func (r *sendReport) read(at place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.places) == 0 { // nothing was waited for until now
		r.settled = time.Now()
	}
	r.places = append(r.places, at)
	r.total++
}

// unread takes back the last read, which was not written.
func (r *sendReport) unread() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.places = r.places[:len(r.places)-1]
	r.total--
}

// readItem counts what was skipped or converted of a line or value, and reports
// the first of them. With strict the first skipped part is an error.
func (r *sendReport) readItem(item *sendItem, strict bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if item.converted {
		r.converted++
	}
	for _, part := range item.skipped {
		if strict {
			return exitcode.UsageErrorf("%s: %s", item.at, part.problem)
		}
		r.skipped[part.reason]++
		if r.skippedNamed++; r.skippedNamed <= MaxNamed {
			r.clearProgress()
			r.Out.Note("%s: skipped: %s", item.at, render.OneLine(part.problem))
		}
	}
	return nil
}

// settle is called for each acknowledged batch.
func (r *sendReport) settle(result client.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	places := r.places[:len(result.Events)]
	r.places = r.places[len(result.Events):]
	r.settled = time.Now()
	r.stored += result.Ack.GetAcceptedCount()
	left := result.Ack.GetRejectedCount()
	for _, failure := range result.Ack.GetFailures() {
		n := uint64(1)
		if failure.GetIndex() < 0 {
			n = left // it speaks for all that are left
		}
		left -= min(n, left)
		r.refuse(failure, n, places)
	}
	if left > 0 {
		r.refused["unknown"] += left
	}
}

func (r *sendReport) refuse(failure *tapiov1.EventFailure, n uint64, places []place) {
	r.refused[codes.Code(failure.GetCode()).String()] += n
	if r.named++; r.named > MaxNamed {
		return
	}
	where := places[0]
	if i := int(failure.GetIndex()); i > 0 && i < len(places) {
		where = places[i]
	}
	what := "refused"
	if failure.GetIndex() < 0 {
		what = fmt.Sprintf("a batch of %s from here on was refused", render.Plural(uint64(len(places)), "event"))
	}
	r.clearProgress()
	r.Out.Note("%s: %s: %s", where, what, failure.GetMessage())
}

// watch shows the progress on a terminal, and gives up when nothing moves.
func (r *sendReport) watch(ctx context.Context, writer *client.Writer, patience time.Duration, giveUp func(error)) {
	ticker := time.NewTicker(min(500*time.Millisecond, patience))
	defer ticker.Stop()
	defer r.clearProgress()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		r.mu.Lock()
		stuck := len(r.places) > 0 && time.Since(r.settled) > patience
		r.mu.Unlock()
		if stuck {
			giveUp(errGaveUp)
			return
		}
		r.showProgress(writer.Stats())
	}
}

func (r *sendReport) showProgress(stats client.Stats) {
	if !r.ErrIsTerminal {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	perSecond := float64(r.stored) / max(time.Since(r.began).Seconds(), 0.001)
	fmt.Fprintf(r.Out.ErrOut, "%s%s read, %s stored (%s/s), %s refused, %s waiting, %s",
		render.ClearLine, render.Thousands(r.total), render.Thousands(r.stored), render.Thousands(uint64(perSecond)), render.Thousands(stats.Rejected),
		render.Thousands(uint64(len(r.places))), render.Plural(stats.Cuts, "cut"))
}

func (r *sendReport) clearProgress() {
	if r.ErrIsTerminal {
		fmt.Fprint(r.Out.ErrOut, render.ClearLine)
	}
}

// SendSummary is what became of it all.
type SendSummary struct {
	Sent       uint64            `json:"sent"`
	Stored     uint64            `json:"stored"`
	Refused    map[string]uint64 `json:"refused"`
	Unknown    uint64            `json:"unacknowledged"`
	Batches    uint64            `json:"batches"`
	Duplicates uint64            `json:"duplicateBatches"`
	Cuts       uint64            `json:"cuts"`
	Skipped    map[string]uint64 `json:"skipped"`
	Converted  uint64            `json:"convertedLines"`
	Seconds    float64           `json:"seconds"`
}

func (r *sendReport) summary(stats client.Stats) SendSummary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return SendSummary{
		Sent: r.total, Stored: r.stored, Refused: r.refused, Unknown: uint64(len(r.places)),
		Batches: stats.Batches, Duplicates: stats.Duplicates, Cuts: stats.Cuts,
		Skipped: r.skipped, Converted: r.converted, Seconds: time.Since(r.began).Seconds(),
	}
}

func printSummary(a *app.App, format string, s SendSummary) {
	if format == "json" {
		line, err := json.Marshal(s)
		if err != nil { // numbers always marshal
			panic(err)
		}
		a.Out.WriteText(string(line) + "\n")
		return
	}
	fmt.Fprintf(a.Out, "sent %s in %s: %s stored, %s refused, %s not acknowledged; %s already stored, %s; %s\n",
		render.Plural(s.Sent, "event"), render.Plural(s.Batches, "batch"), render.Thousands(s.Stored), render.Reasons(s.Refused), render.Thousands(s.Unknown),
		render.Plural(s.Duplicates, "batch"), render.Plural(s.Cuts, "cut"), render.ShortDuration(time.Duration(s.Seconds*float64(time.Second))))
	if s.Converted > 0 {
		fmt.Fprintf(a.Out, "%s not UTF-8: read as Windows-1252, or with U+FFFD for the invalid bytes\n", render.Plural(s.Converted, "line"))
	}
}

// verdict is the error to end with, the most informative first.
func (r *sendReport) verdict(ctx context.Context, input, closing, cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var refused uint64
	for _, n := range r.refused {
		refused += n
	}
	switch {
	case errors.Is(cause, errGaveUp):
		return &exitcode.Error{Code: exitcode.Unreachable, Message: "gave up: " + errGaveUp.Error() + ": check the server, or raise --retry-for"}
	case ctx.Err() != nil && len(r.places) > 0:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("interrupted: %s may or may not be stored", render.Plural(uint64(len(r.places)), "event"))}
	case ctx.Err() != nil:
		return &exitcode.Error{Code: exitcode.Refused, Message: "interrupted: what was read is stored"}
	case closing != nil:
		return closing
	case input != nil:
		return input
	case refused > 0:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("the server refused %s: %s", render.Plural(refused, "event"), render.Reasons(r.refused))}
	case len(r.skipped) > 0:
		return &exitcode.Error{Code: exitcode.Usage, Message: "some of the input was skipped: " + render.Reasons(r.skipped)}
	default:
		return nil
	}
}
