// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/correlate"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	// around is what it looks at before and after records named by id.
	around = 2 * time.Minute
	// maxAnalyzed is the most records that one analysis looks at.
	maxAnalyzed = 2_000_000
	// maxLeadIn is the most that it looks at before the stretch asked for; if there
	// is more, it begins later, by a factor of shorterBy each time.
	maxLeadIn = maxAnalyzed / 2
	shorterBy = 6
	// maxAnalyses is how many run at once; others wait for their turn.
	maxAnalyses = 2
	// analysisMemory bounds the state of one analysis.
	analysisMemory = 64 << 20
	// maxAnswered is the most correlations that are answered.
	maxAnswered = 1000
)

// analyzer looks at what is stored as the engine would have when it came.
type analyzer struct {
	store query.Reader
	turns chan struct{} // holds one for each analysis that runs
}

func newAnalyzer(store query.Reader) *analyzer {
	return &analyzer{store: store, turns: make(chan struct{}, maxAnalyses)}
}

// AnalyzeEvents implements tapiov1.TapioServiceServer.
func (s *tapioService) AnalyzeEvents(
	ctx context.Context, req *tapiov1.AnalyzeEventsRequest,
) (*tapiov1.AnalyzeEventsResponse, error) {
	analysis, err := protoconv.AnalyzeQuery(req, s.now())
	if err != nil {
		return nil, err
	}
	if err := s.analyzer.surround(ctx, &analysis); err != nil {
		return nil, err
	}
	if err := s.analyzer.takeTurn(ctx); err != nil {
		return nil, err
	}
	defer func() { <-s.analyzer.turns }()
	run, err := s.analyzer.analyze(ctx, &analysis, maxLeadIn)
	if err != nil {
		return nil, err
	}
	known, err := s.findings.known(ctx, &analysis)
	if err != nil {
		return nil, err
	}
	return run.answer(&analysis, known), nil
}

// analyze looks at as much of the past as there is room for.
func (a *analyzer) analyze(ctx context.Context, analysis *protoconv.Analysis, room uint64) (*analysisRun, error) {
	for leadIn := model.Nanos(correlate.LeadIn); ; leadIn /= shorterBy {
		run, err := a.newRun(ctx, analysis, leadIn)
		if err != nil {
			return nil, err
		}
		if leadIn > 0 {
			run.room = room
		}
		if err := run.all(ctx); !errors.Is(err, errLongLeadIn) {
			return run, err
		}
	}
}

// errLongLeadIn is that there is more before the stretch asked for than room.
var errLongLeadIn = errors.New("too many records before the requested time")

// takeTurn waits until fewer than maxAnalyses run.
func (a *analyzer) takeTurn(ctx context.Context) error {
	select {
	case a.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// surround makes a stretch of time of the records named by id.
func (a *analyzer) surround(ctx context.Context, analysis *protoconv.Analysis) error {
	if len(analysis.IDs) == 0 {
		return nil
	}
	var first, last model.Nanos
	for _, id := range analysis.IDs {
		event, found, err := a.store.EventByID(ctx, id)
		if err != nil {
			return err
		}
		if !found {
			return status.Errorf(codes.NotFound, "no event %q is stored: it was evicted or never stored", id)
		}
		last = max(last, event.When())
		if first == 0 || event.When() < first {
			first = event.When()
		}
	}
	analysis.Filter.Time = model.TimeRange{
		Start: first - min(model.Nanos(around), first), End: last + model.Nanos(around),
	}
	return nil
}

// analysisRun shows one engine of its own what is stored, in the order of time.
type analysisRun struct {
	engine *correlate.Engine
	feeds  []feed
	asked  model.TimeRange
	room   uint64 // for records before that, 0 for no bound of their own
	looked uint64
	found  map[string]model.Finding // the latest revisions, by kind and id
}

func (a *analyzer) newRun(ctx context.Context, analysis *protoconv.Analysis, leadIn model.Nanos) (*analysisRun, error) {
	engine, err := correlate.New(correlate.Config{MemoryLimit: analysisMemory, Asked: analysis.Filter.Time})
	if err != nil {
		return nil, err
	}
	filter := analysis.Filter
	filter.Time.Start -= min(leadIn, filter.Time.Start)
	begin := model.Start{Resume: true} // from the oldest record that is stored
	return &analysisRun{
		engine: engine,
		asked:  analysis.Filter.Time,
		found:  map[string]model.Finding{},
		feeds: []feed{
			&rows[model.Point]{
				tail: a.store.TailPoints(ctx, model.PointQuery{Filter: filter}, begin),
				when: func(p *model.Point) model.Nanos { return p.Time }, size: (*model.Point).Size,
				show: func(list []model.Point) { engine.ObservePoints(list) },
			},
			&rows[model.Event]{
				tail: a.store.TailEvents(ctx, model.EventQuery{Filter: filter}, begin),
				when: (*model.Event).When, size: (*model.Event).Size,
				show: observing(engine),
			},
			&rows[model.Span]{
				tail: a.store.TailSpans(ctx, model.TraceQuery{Filter: filter}, begin),
				when: func(p *model.Span) model.Nanos { return p.End }, size: (*model.Span).Size,
				show: func(list []model.Span) { engine.ObserveSpans(list) },
			},
		},
	}, nil
}

// analysisStep is how far time goes on between two conclusions.
const analysisStep = model.Nanos(2 * time.Second)

// all shows everything. The signals are read side by side, step by step, so that
// no more of them is held than a step.
func (r *analysisRun) all(ctx context.Context) error {
	for {
		now, found, err := r.earliest(ctx)
		if err != nil {
			return err
		}
		if !found {
			break
		}
		until := now + analysisStep
		for _, f := range r.feeds {
			n, err := f.showUntil(ctx, until)
			if r.looked += uint64(n); err != nil {
				return err
			}
		}
		if r.room > 0 && r.looked > r.room && now < r.asked.Start {
			return errLongLeadIn
		}
		if r.looked > maxAnalyzed {
			return status.Errorf(codes.ResourceExhausted, "the analysis has more than %d records to look at: "+
				"give a shorter filter.time_range, or narrow the filter", maxAnalyzed)
		}
		r.note(r.engine.Flush(now))
	}
	// What is asked for is over: nothing more will come.
	r.note(r.engine.Flush(r.asked.End + model.Nanos(time.Minute)))
	return nil
}

// earliest is the time of the next record of any signal.
func (r *analysisRun) earliest(ctx context.Context) (earliest model.Nanos, found bool, err error) {
	for _, f := range r.feeds {
		next, more, err := f.next(ctx)
		if err != nil {
			return 0, false, err
		}
		if more && (!found || next < earliest) {
			earliest, found = next, true
		}
	}
	return earliest, found, nil
}

func (r *analysisRun) note(findings []model.Finding) {
	for _, finding := range findings {
		r.found[finding.EventName()+" "+finding.Identity().ID] = finding
	}
}

// answer picks what concerns the stretch asked for. Of a known incident and what the run found
// of the same cause, the known one is answered.
func (r *analysisRun) answer(analysis *protoconv.Analysis, known []*model.SemanticGroup) *tapiov1.AnalyzeEventsResponse {
	var groups []*model.SemanticGroup
	var correlations []*model.Correlation
	var insights []*model.Insight
	for _, finding := range r.found {
		touched := finding.Touches()
		if !r.asked.Overlaps(touched.First, touched.Last) || r.merged(finding) {
			continue
		}
		switch f := finding.(type) {
		case *model.SemanticGroup:
			if !slices.ContainsFunc(known, func(g *model.SemanticGroup) bool { return sameCause(g, f) }) {
				groups = append(groups, f)
			}
		case *model.Correlation:
			correlations = append(correlations, f)
		case *model.Insight:
			if analysis.Audience == model.AudienceEverybody || analysis.Audience == f.Audience {
				insights = append(insights, f)
			}
		}
	}
	groups = append(groups, known...)
	slices.SortFunc(groups, r.inOrder)
	slices.SortFunc(correlations, func(a, b *model.Correlation) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(insights, func(a, b *model.Insight) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.ID, b.ID))
	})
	return &tapiov1.AnalyzeEventsResponse{
		Groups:        each(groups, protoconv.SemanticGroup),
		Correlations:  each(correlations[:min(len(correlations), maxAnswered)], protoconv.Correlation),
		Insights:      each(insights, protoconv.Insight),
		AnalyzedCount: r.looked,
	}
}

// merged reports whether a finding is of a group that turned out to be a part of
// another one, which reports all of it.
func (r *analysisRun) merged(finding model.Finding) bool {
	var id string
	switch f := finding.(type) {
	case *model.SemanticGroup:
		id = f.ID
	case *model.Insight:
		id = f.GroupID
	}
	g, found := r.found[model.SemanticGroupEvent+" "+id].(*model.SemanticGroup)
	return found && g.State == model.GroupMerged
}

// dating is how far apart two datings of one onset may be: metrics come once a
// minute.
const dating = model.Nanos(2 * time.Minute)

// inOrder puts what set in during the stretch asked for before what was there
// already, then what hits most, and last what is only next to be considered.
func (r *analysisRun) inOrder(a, b *model.SemanticGroup) int {
	later := func(g *model.SemanticGroup) int {
		switch {
		case r.engine.Further(g.ID):
			return 2
		case g.Range.Start+dating < r.asked.Start:
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(later(a), later(b)), cmp.Compare(b.Impact.Level, a.Impact.Level),
		cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.ID, b.ID))
}
