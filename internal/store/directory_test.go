// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/segment"
)

// troubles collects what a store reports of its directory.
type troubles struct {
	mu   sync.Mutex
	list []string
}

func (r *troubles) report(problem string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		problem += ": " + err.Error()
	}
	r.list = append(r.list, problem)
}

func (r *troubles) all() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.list, "\n")
}

func diskLimits() Limits {
	return Limits{Logs: 64 * mebibyte, Traces: 64 * mebibyte, Metrics: mebibyte, Profiles: 8 * mebibyte}
}

func open(t *testing.T, path string, limits Limits, r *troubles) *Store {
	t.Helper()
	s, err := Open(limits, time.Now, DirectoryOptions{Path: path, Report: r.report})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// crash ends a store as a killed process would: what is not in files is gone.
func crash(t *testing.T, s *Store, path string) string {
	t.Helper()
	copied := t.TempDir()
	s.directory.busy.Lock()
	defer s.directory.busy.Unlock()
	require.NoError(t, os.CopyFS(filepath.Join(copied, "d"), os.DirFS(path)))
	return filepath.Join(copied, "d")
}

// reopen ends a store in order and opens its directory again.
func reopen(t *testing.T, s *Store, path string, limits Limits, r *troubles) *Store {
	t.Helper()
	require.NoError(t, s.Checkpoint())
	s.directory.close()
	again, err := Open(limits, time.Now, DirectoryOptions{Path: path, Report: r.report})
	require.NoError(t, err)
	t.Cleanup(again.Close)
	s.directory = nil // closed already
	return again
}

func everyEvent(t *testing.T, s *Store) []model.Event {
	t.Helper()
	return allEvents(t, s, model.EventQuery{Paging: model.Paging{Limit: 1000, Ascending: true}}, func() {})
}

func everySpan(t *testing.T, s *Store) (spans []model.Span) {
	t.Helper()
	views, _ := s.spans.views()
	for i := range views {
		for place := range views[i].count {
			spans = append(spans, views[i].row(place))
		}
	}
	return spans
}

func TestAnOrderlyRestartLosesNothing(t *testing.T) {
	path, r := filepath.Join(t.TempDir(), "new", "store"), &troubles{}
	s := open(t, path, diskLimits(), r)
	random := rand.New(rand.NewPCG(3, 3))
	for range 5 {
		s.AppendEvents(richEvents(random, 700))
		s.AppendSpans(richSpans(random, 300))
		require.NoError(t, s.Checkpoint()) // and so many files
		s.Resume(DurabilityNone, diskLimits())
	}
	events, spans, stats := everyEvent(t, s), everySpan(t, s), s.Stats()
	first, err := s.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 10}})
	require.NoError(t, err)
	tail := s.TailEvents(model.EventQuery{}, model.Start{Resume: true, After: 3495})
	again := reopen(t, s, path, diskLimits(), r)
	assert.Equal(t, s.Epoch(), again.Epoch())
	got := everyEvent(t, again)
	require.Len(t, got, len(events))
	for i := range events {
		require.Equal(t, events[i].ID, got[i].ID)
		requireEqualEvents(t, &events[i], &got[i])
	}
	restored := everySpan(t, again)
	require.Len(t, restored, len(spans))
	for i := range spans {
		requireEqualSpans(t, &spans[i], &restored[i])
	}
	for i, now := range again.Stats()[:2] {
		assert.Equal(t, stats[i].Rows, now.Rows)
		assert.Equal(t, stats[i].LastSeq, now.LastSeq)
		assert.Zero(t, now.Appended)
	}
	_, err = again.QueryEvents(t.Context(), model.EventQuery{Paging: model.Paging{Limit: 10, After: first.Next}})
	require.NoError(t, err, "page tokens go on")
	again.AppendEvents(richEvents(random, 1))
	rows, loss, _ := again.TailEvents(model.EventQuery{}, model.Start{Resume: true, After: tail.Position()}).Poll(100)
	assert.Equal(t, []uint64{3496, 3497, 3498, 3499, 3500, 3501}, seqs(rows), "and so do sequences")
	assert.Zero(t, loss)
	assert.Empty(t, r.all())
}

func TestAfterACrashCompactedRowsAreThereAndNoSequenceComesTwice(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	s := open(t, path, diskLimits(), r)
	s.directory.pause(true)
	random := rand.New(rand.NewPCG(4, 4))
	s.AppendEvents(richEvents(random, segment.SegmentRows))
	settle(s)
	s.AppendEvents(richEvents(random, 50)) // closes the first chunk, or a part of it
	settle(s)
	s.directory.pause(false)
	s.directory.catchUp(false)
	s.directory.pause(true)
	compacted := 0
	s.events.mu.RLock()
	for _, c := range s.events.chunks {
		if c.files.state == fileKept {
			compacted += c.count
		}
	}
	s.events.mu.RUnlock()
	require.Positive(t, compacted)
	last := s.Stats()[0].LastSeq

	again := open(t, crash(t, s, path), diskLimits(), r)
	assert.EqualValues(t, compacted, again.Stats()[0].Rows)
	assert.Equal(t, s.Epoch(), again.Epoch())
	again.AppendEvents(richEvents(random, 3))
	assert.Greater(t, everyEvent(t, again)[0].Seq, uint64(0))
	assert.Equal(t, last+3, again.Stats()[0].LastSeq, "no gap in the sequences")
	rows, loss, _ := again.TailEvents(model.EventQuery{}, model.Start{Since: 1}).Poll(1 << 20)
	for more := rows; len(more) > 0; {
		more, _, _ = again.TailEvents(model.EventQuery{}, model.Start{Resume: true, After: rows[len(rows)-1].Seq}).Poll(1 << 20)
		rows = append(rows, more...)
	}
	assert.Zero(t, loss, "a new reader misses nothing that is there")
	_, loss, _ = again.TailEvents(model.EventQuery{}, model.Start{Resume: true, After: uint64(compacted) + 10}).Poll(10)
	assert.Equal(t, last-uint64(compacted)-10, loss.Count, "a reader that goes on gets the exact number of lost records")
	assert.Empty(t, r.all())
}

func TestABrokenFileIsSetAsideAndTheRestServed(t *testing.T) {
	for name, breakIt := range map[string]func(data []byte) []byte{
		"cut":           func(data []byte) []byte { return data[:len(data)/2] },
		"cut header":    func(data []byte) []byte { return data[:20] },
		"empty":         func([]byte) []byte { return nil },
		"flipped bit":   func(data []byte) []byte { data[len(data)/2] ^= 4; return data },
		"grown":         func(data []byte) []byte { return append(data, 0) },
		"other version": func(data []byte) []byte { data[12]++; return data },
		"other file":    func([]byte) []byte { return []byte(strings.Repeat("no segment ", 50)) },
	} {
		t.Run(name, func(t *testing.T) {
			path, r := t.TempDir(), &troubles{}
			s := open(t, path, diskLimits(), r)
			random := rand.New(rand.NewPCG(5, 5))
			for range 3 {
				s.AppendEvents(richEvents(random, 100))
				require.NoError(t, s.Checkpoint())
				s.Resume(DurabilityNone, diskLimits())
			}
			require.NoError(t, s.Checkpoint())
			copied := crash(t, s, path)
			broken := filepath.Join(copied, fileName("logs", 101))
			data, err := os.ReadFile(broken)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(broken, breakIt(data), 0o600))

			again := open(t, copied, diskLimits(), r)
			assert.EqualValues(t, 200, again.Stats()[0].Rows)
			assert.Contains(t, r.all(), broken+corruptSuffix)
			assert.EqualValues(t, 1, again.Directory().CorruptFiles)
			assert.FileExists(t, broken+corruptSuffix)
			got := seqs(everyEvent(t, again))
			slices.Sort(got)
			assert.EqualValues(t, 300, got[len(got)-1])
			rows, loss, _ := again.TailEvents(model.EventQuery{}, model.Start{Resume: true, After: 50}).Poll(1000)
			assert.Len(t, rows, 50)
			assert.Zero(t, loss)
			rows, loss, _ = again.TailEvents(model.EventQuery{}, model.Start{Resume: true, After: 100}).Poll(1000)
			assert.Empty(t, rows)
			assert.Equal(t, model.Loss{Count: 100, First: 101, Last: 200}, loss)
		})
	}
}

func TestFilesGoWithTheirRows(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	limits := Limits{Logs: mebibyte, Traces: mebibyte, Metrics: mebibyte}
	s := open(t, path, limits, r)
	random := rand.New(rand.NewPCG(6, 6))
	rows := richEvents(random, 500)
	for range 40 {
		s.AppendEvents(rows)
		settle(s)
		s.directory.catchUp(false)
	}
	require.NotZero(t, s.Stats()[0].Evicted["size"])
	files, err := filepath.Glob(filepath.Join(path, "logs-*"))
	require.NoError(t, err)
	kept, size := 0, int64(0)
	s.events.mu.RLock()
	for _, c := range s.events.chunks {
		if c.files.state == fileKept {
			kept++
		}
		kept += len(c.files.pieces)
	}
	s.events.mu.RUnlock()
	for _, file := range files {
		info, err := os.Stat(file)
		require.NoError(t, err)
		size += info.Size()
	}
	assert.Len(t, files, kept)
	assert.LessOrEqual(t, size, limits.Logs)
	assert.EqualValues(t, size, s.Directory().Bytes)

	half := Limits{Logs: mebibyte / 2, Traces: mebibyte, Metrics: mebibyte}
	again := reopen(t, s, path, half, r)
	assert.LessOrEqual(t, again.Stats()[0].Bytes, uint64(half.Logs))
	files, err = filepath.Glob(filepath.Join(path, "logs-*"))
	require.NoError(t, err)
	assert.Len(t, files, len(again.events.chunks))
	assert.Empty(t, r.all())
}

func TestTwoStoresDoNotShareADirectory(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	s := open(t, path, diskLimits(), r)
	_, err := Open(diskLimits(), time.Now, DirectoryOptions{Path: path, Report: r.report})
	require.ErrorContains(t, err, "store::directory")
	require.ErrorContains(t, err, "in use")
	reopen(t, s, path, diskLimits(), r)
}

func TestALostStateRenewsTheEpoch(t *testing.T) {
	path, r := t.TempDir(), &troubles{}
	s := open(t, path, diskLimits(), r)
	s.AppendEvents(events(1, 100))
	require.NoError(t, s.Checkpoint())
	copied := crash(t, s, path)
	require.NoError(t, os.WriteFile(filepath.Join(copied, stateName), []byte("{"), 0o600))
	again := open(t, copied, diskLimits(), r)
	assert.NotEqual(t, s.Epoch(), again.Epoch())
	assert.EqualValues(t, 100, again.Stats()[0].Rows)
	assert.Greater(t, again.Stats()[0].LastSeq, uint64(100))
	assert.Contains(t, r.all(), stateName)
}

func TestAStoreServesWhenItsDirectoryFails(t *testing.T) {
	path, r := filepath.Join(t.TempDir(), "store"), &troubles{}
	s := open(t, path, diskLimits(), r)
	require.NoError(t, os.RemoveAll(path))
	require.NoError(t, os.WriteFile(path, nil, 0o600)) // no directory can be made there
	s.AppendEvents(events(1, 100))
	require.ErrorContains(t, s.Checkpoint(), "store::directory")
	assert.True(t, s.Directory().Failing)
	assert.NotZero(t, s.Directory().FailedWrites)
	assert.Contains(t, r.all(), path)
	assert.Len(t, everyEvent(t, s), 100)
	require.NoError(t, os.Remove(path))
	require.NoError(t, s.Checkpoint(), "what could not be written is written later")
	s.Resume(DurabilityNone, diskLimits())
	files, err := filepath.Glob(filepath.Join(path, "logs-*"))
	require.NoError(t, err)
	assert.Len(t, files, 1)
}
