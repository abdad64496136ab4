// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/backend/working"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Options are how a Reader works.
type Options struct {
	// Name of the server, before the names of its own sources in notes.
	Name string
	// QueryMemory is what one query may hold, in bytes.
	QueryMemory int64
	// Decodes holds one for each profile that is decoded: readers that share it bound
	// their memory together. Nil: no bound.
	Decodes chan struct{}
	// Panicked is called with each panic that was recovered.
	Panicked func(err error)
	Now      func() time.Time
}

// Reader implements query.Reader with calls to another server.
type Reader struct {
	Options
	records tapiov1.ObservabilityServiceClient
	events  tapiov1.TapioServiceClient
	started time.Time
}

var _ query.Reader = (*Reader)(nil)

// New makes a reader. The connection is the caller's to close.
func New(conn grpc.ClientConnInterface, options Options) *Reader {
	return &Reader{
		Options: options, records: tapiov1.NewObservabilityServiceClient(conn), events: tapiov1.NewTapioServiceClient(conn),
		started: options.Now(),
	}
}

// Started implements query.Reader: it is when the reader was made, for callers that hold a
// token of the server holds it of the server's own epoch.
func (r *Reader) Started() time.Time { return r.started }

// Epoch implements query.Reader, see Started.
func (r *Reader) Epoch() uint64 { return uint64(r.started.UnixNano()) | 1 }

// Identify implements query.EventReader: records come with their IDs.
func (r *Reader) Identify(*model.Event) {}

// notesOf returns what the server reported of its own sources, such as "local", which
// are not those of the same name here.
func (r *Reader) notesOf(response proto.Message) []query.Note {
	notes := protoconv.NotesOf(response)
	for i := range notes {
		notes[i].Source = r.Name + "/" + notes[i].Source
	}
	return notes
}

// call makes one call and reports what the server reported of its own sources.
func call[Request, Response proto.Message](
	ctx context.Context, r *Reader, request Request, method func(context.Context, Request, ...grpc.CallOption) (Response, error),
) (Response, error) {
	response, err := method(ctx, request)
	if err != nil {
		return response, protoconv.ErrorOf(err)
	}
	for _, note := range r.notesOf(response) {
		query.AddNote(ctx, note)
	}
	for _, source := range protoconv.SourcesOf(response) {
		query.AddSource(ctx, r.Name+"/"+source)
	}
	return response, nil
}

// QueryEvents implements query.EventReader.
func (r *Reader) QueryEvents(ctx context.Context, q model.EventQuery) (model.Page[model.Event], error) {
	if q.Kind == model.EventsOnly && q.TraceID.IsZero() {
		request := protoconv.EventsRequest(&q)
		response, err := call(ctx, r, request, r.events.GetEvents)
		if err != nil {
			return model.Page[model.Event]{}, err
		}
		return eventPage(request, response.GetEvents(), response.GetNextPageToken(), q.Paging.Ascending)
	}
	for {
		request := protoconv.LogsRequest(&q)
		response, err := call(ctx, r, request, r.records.GetLogs)
		if err != nil {
			return model.Page[model.Event]{}, err
		}
		page, err := eventPage(request, response.GetLogs(), response.GetNextPageToken(), q.Paging.Ascending)
		if err != nil || q.Kind != model.EventsOnly {
			return page, err
		}
		page.Rows = slices.DeleteFunc(page.Rows, func(e model.Event) bool { return e.Name == "" })
		if len(page.Rows) > 0 || page.Next.IsZero() {
			return page, nil
		}
		q.Paging.After = page.Next
	}
}

func eventPage(request proto.Message, events []*tapiov1.Event, token string, ascending bool) (page model.Page[model.Event], err error) {
	if page.Rows, err = protoconv.RecordsOf(events); err != nil {
		return page, malformed(err)
	}
	page.Next, err = protoconv.CursorOf(request, token)
	page.Begin = beginOf(page.Next, ascending)
	return page, malformed(err)
}

// beginOf returns where the pages begin of which next is the second one.
func beginOf(next model.Cursor, ascending bool) model.Cursor {
	if next.IsZero() || next.State != "" {
		return model.Cursor{}
	}
	return model.BeginOf(next.Epoch, next.Snapshot, ascending)
}

// malformed is the error of an answer that cannot be read. It is no fault of the
// caller's.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the answer is malformed: %v", err) //nolint:errorlint // the fault is not the caller's
}

// EventByID implements query.EventReader.
func (r *Reader) EventByID(ctx context.Context, id string) (model.Event, bool, error) {
	response, err := call(ctx, r, &tapiov1.GetEventByIdRequest{Id: id}, r.events.GetEventById)
	if status.Code(err) == codes.NotFound {
		return model.Event{}, false, nil
	}
	if err != nil {
		return model.Event{}, false, err
	}
	rows, err := protoconv.RecordsOf([]*tapiov1.Event{response.GetEvent()})
	if err != nil {
		return model.Event{}, false, malformed(err)
	}
	return rows[0], true, nil
}

// QueryTraces implements query.TraceReader.
func (r *Reader) QueryTraces(ctx context.Context, q model.TraceQuery) (page model.Page[model.Trace], err error) {
	request := protoconv.TracesRequest(&q)
	response, err := call(ctx, r, request, r.records.GetTraces)
	if err != nil {
		return page, err
	}
	for _, message := range response.GetTraces() {
		trace, err := protoconv.TraceOf(message)
		if err != nil {
			return page, malformed(err)
		}
		page.Rows = append(page.Rows, trace)
	}
	page.Next, err = protoconv.CursorOf(request, response.GetNextPageToken())
	page.Begin = beginOf(page.Next, q.Paging.Ascending)
	return page, malformed(err)
}

// QueryPoints implements query.MetricReader.
func (r *Reader) QueryPoints(ctx context.Context, q model.PointQuery) (page model.Page[model.Point], err error) {
	request := protoconv.PointsRequest(&q)
	response, err := call(ctx, r, request, r.records.GetMetrics)
	if err != nil {
		return page, err
	}
	if page.Rows, err = protoconv.PointsOf(response.GetResourceMetrics()); err != nil {
		return page, malformed(err)
	}
	// The answer is grouped by series.
	slices.SortStableFunc(page.Rows, func(a, b model.Point) int {
		if q.Paging.Ascending {
			return cmp.Compare(a.Time, b.Time)
		}
		return cmp.Compare(b.Time, a.Time)
	})
	page.Next, err = protoconv.CursorOf(request, response.GetNextPageToken())
	page.Begin = beginOf(page.Next, q.Paging.Ascending)
	return page, malformed(err)
}

// Aggregate implements query.MetricReader.
func (r *Reader) Aggregate(ctx context.Context, q model.AggregateQuery) ([]model.AggregateSeries, int, error) {
	response, err := call(ctx, r, protoconv.AggregateRequest(&q), r.records.GetMetrics)
	if err != nil {
		return nil, 0, err
	}
	series, err := protoconv.SeriesOf(response.GetSeries(), q.GroupBy)
	return series, int(response.GetTruncatedSeries()), malformed(err)
}

// pointPage is how many points are read at once.
const pointPage = 10_000

// SelectSeries implements query.MetricReader. It reads the points of all series.
func (r *Reader) SelectSeries(ctx context.Context, q model.SeriesQuery) (query.SeriesSet, error) {
	set := working.New(r.QueryMemory)
	if err := r.eachPoints(ctx, model.PointQuery{Names: q.Names, Filter: q.Filter}, set.AddPoints); err != nil {
		set.Close()
		return nil, err
	}
	return set.SelectSeries(ctx, q)
}

func (r *Reader) eachPoints(ctx context.Context, q model.PointQuery, use func([]model.Point) error) error {
	q.Paging = model.Paging{Limit: pointPage}
	for {
		page, err := r.QueryPoints(ctx, q)
		if err == nil {
			err = use(page.Rows)
		}
		if err != nil || page.Next.IsZero() {
			return err
		}
		q.Paging.After = page.Next
	}
}
