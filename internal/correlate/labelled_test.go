// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

const (
	caseLength = 180_000_000_000
	// sent is the event time that a sender puts into one batch.
	sent = 2 * second
	// lateness is how long the processor waits for what is late; what is stored is
	// complete when somebody asks.
	lateness = 5 * second
)

// asked reports whether the engine is asked about each case, as AnalyzeEvents does.
func asked() bool { return os.Getenv("TAPIO_ASKED") != "" }

// sampledAway reports whether head sampling, one of so many traces, leaves a trace out:
// TAPIO_SAMPLED, none if empty.
func sampledAway(id model.TraceID) bool {
	one, err := strconv.Atoi(os.Getenv("TAPIO_SAMPLED"))
	h := fnv.New32a()
	_, _ = h.Write(id[:])
	return err == nil && h.Sum32()%uint32(one) != 0
}

// inTime parts batches anew, as what finished within one moment after another.
func inTime(batches []batch) []batch {
	moments := map[model.Nanos]*batch{}
	at := func(t model.Nanos) *batch {
		t -= t % sent
		if moments[t] == nil {
			moments[t] = &batch{first: t}
		}
		return moments[t]
	}
	for i := range batches {
		for _, e := range batches[i].events {
			b := at(e.Time)
			b.events = append(b.events, e)
		}
		for _, s := range batches[i].spans {
			b := at(s.End)
			b.spans = append(b.spans, s)
		}
		for _, p := range batches[i].points {
			b := at(p.Time)
			b.points = append(b.points, p)
		}
	}
	list := make([]batch, 0, len(moments))
	for _, t := range slices.Sorted(maps.Keys(moments)) {
		list = append(list, *moments[t])
	}
	return list
}

// replay feeds batches in event time and returns the newest revision of each
// group.
func replay(t testing.TB, e *Engine, batches []batch, end model.Nanos) []*model.SemanticGroup {
	t.Helper()
	newest := map[string]*model.SemanticGroup{}
	wait := lateness
	if asked() {
		wait = 0
	}
	flush := func(now model.Nanos) {
		for _, f := range e.Flush(now) {
			if g, ok := f.(*model.SemanticGroup); ok {
				newest[g.ID] = g
			}
		}
	}
	for _, b := range inTime(batches) {
		if b.first > end {
			break
		}
		flush(b.first - wait)
		e.ObserveEvents(b.events)
		e.ObserveSpans(b.spans)
		e.ObservePoints(b.points)
	}
	for range 4 {
		flush(e.time.Now + 5_000_000_000)
	}
	flush(end + 5_000_000_000)
	var groups []*model.SemanticGroup
	for _, g := range newest {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *model.SemanticGroup) int { return cmp.Compare(a.ID, b.ID) })
	return groups
}

// rankOf is the place of the labelled service among the services named: groups
// that set in at the time asked for first, then those with the surest cause; 0
// for none.
func rankOf(e *Engine, groups []*model.SemanticGroup, asked model.Nanos, service string) int {
	older := func(g *model.SemanticGroup) int {
		switch {
		case e.Further(g.ID):
			return 2
		case g.Range.Start+together < asked:
			return 1
		}
		return 0
	}
	slices.SortStableFunc(groups, func(a, b *model.SemanticGroup) int {
		return cmp.Or(cmp.Compare(older(a), older(b)), cmp.Compare(b.Confidence, a.Confidence))
	})
	var named []string
	for _, g := range groups {
		for i := range g.RootCause.Factors {
			if s := g.RootCause.Factors[i].Entity.Service(); !slices.Contains(named, s) {
				named = append(named, s)
			}
		}
	}
	return slices.Index(named, service) + 1
}

func TestLabelledFaultsAreNamed(t *testing.T) {
	if underRace {
		t.Skip("one goroutine feeds the engine: the race detector finds nothing here, in minutes")
	}
	for _, folder := range labelledFolders(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			var cases []faultCase
			labels, err := os.ReadFile(filepath.Join(folder, "faults.json"))
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(labels, &cases))
			past := readAll(t, folder, "metrics", "baseline.traces", "baseline.logs")
			var first, third int
			for _, c := range cases {
				records := readAll(t, folder, c.Case+".traces", c.Case+".logs")
				rank, line := runCase(t, slices.Concat(past, records), c)
				if os.Getenv("TAPIO_EARLIER") != "" {
					past = append(past, records...)
				}
				if rank == 1 {
					first++
				}
				if rank >= 1 && rank <= 3 {
					third++
				}
				t.Log(line)
			}
			n := float64(len(cases))
			t.Logf("%d cases: AS@1 %.1f %%, AS@3 %.1f %%", len(cases), 100*float64(first)/n, 100*float64(third)/n)
		})
	}
}

func readAll(t *testing.T, folder string, names ...string) []batch {
	var batches []batch
	for _, name := range names {
		batches = append(batches, readBatches(t, filepath.Join(folder, name+".jsonl.gz"))...)
	}
	return batches
}

func runCase(t *testing.T, batches []batch, c faultCase) (rank int, line string) {
	inject := model.Nanos(c.InjectTime)
	end := inject + caseLength
	var config Config
	if asked() {
		config.Asked = model.TimeRange{Start: inject, End: end}
	}
	e, err := New(config)
	require.NoError(t, err)
	if asked() {
		batches = slices.DeleteFunc(batches, func(b batch) bool { return b.first < inject-model.Nanos(LeadIn) })
	}
	groups := slices.DeleteFunc(replay(t, e, batches, end), func(g *model.SemanticGroup) bool {
		return g.Range.End < inject-60e9 || g.State == model.GroupMerged
	})
	rank = rankOf(e, groups, inject, c.Service)
	line = fmt.Sprintf("%s %-15s %-28s rank %d groups %d", c.Case, c.Type, c.Service, rank, len(groups))
	for _, g := range groups {
		line += fmt.Sprintf("\n      %s %+d s, confidence %.2f", g.ID, (int64(g.Range.Start)-int64(inject))/1e9, g.Confidence)
		for i, f := range g.RootCause.Factors {
			if i < 3 {
				line += fmt.Sprintf("\n         %.2f %s: %s", f.Probability, f.Entity.Name, f.Reason)
			}
		}
	}
	return rank, line
}
