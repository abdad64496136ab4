// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

func summarized(s *Store) (made, segments int) {
	views, _ := s.events.views()
	for i := range views {
		if views[i].segment != nil {
			segments++
			if views[i].summary.Load() != nil {
				made++
			}
		}
	}
	return made, segments
}

// Segments are counted when they are compacted, however fast records come; those of a
// restart, of which files hold no summary, once there is time.
func TestSegmentsAreSummarized(t *testing.T) {
	s, clock := newTestStore(t, mebibyte, 0)
	s.AppendEvents(events(1, 500))
	s.events.compactor.Wait()
	made, segments := summarized(s)
	require.NotZero(t, segments)
	require.Equal(t, segments, made)

	views, _ := s.events.views()
	for i := range views {
		if views[i].segment != nil {
			views[i].summary.Store(nil)
		}
	}
	clock.now = clock.now.Add(time.Minute)
	s.Retire()
	s.events.compactor.Wait()
	made, segments = summarized(s)
	require.Equal(t, min(segments, idleSummaries), made)
}

// Discovery adds up what others evict and write meanwhile.
func TestDiscoveryBesideWriters(t *testing.T) {
	s, _ := newTestStore(t, mebibyte, 0)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for i := range 20 {
				s.AppendEvents(events(i*300, 300))
				s.Retire()
			}
		})
		group.Go(func() {
			for range 20 {
				counts, err := s.CountRecords(t.Context(), model.CountQuery{Selection: model.RecordSelection{Signal: model.SignalLogs}, Limit: 1})
				assert.NoError(t, err)
				facets, err := s.GetFacets(t.Context(), model.FacetQuery{
					Selection: model.RecordSelection{Signal: model.SignalLogs}, Limit: 1, MaxLabels: 9,
				})
				assert.NoError(t, err)
				assert.LessOrEqual(t, max(counts.Total, facets.Total), uint64(12_000))
			}
		})
	}
	group.Wait()
	s.events.compactor.Wait()
}
