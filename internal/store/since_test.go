// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// A signal that holds nothing hides nothing of the others from anyone who reads what memory
// holds: what arrived since its last eviction is complete.
func TestSinceOfSignalsThatHoldNothing(t *testing.T) {
	for name, directory := range map[string]string{"memory": "", "directory": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			begin := time.Unix(1_800_000_000, 0)
			now := begin
			limits := diskLimits()
			limits.MaxAge = time.Hour
			s := New(limits, func() time.Time { return now })
			if directory != "" {
				var err error
				s, err = Open(limits, func() time.Time { return now }, DirectoryOptions{
					Path: directory, Durability: DurabilityAsync, Report: func(problem string, err error) { assert.NoError(t, err, problem) },
				})
				require.NoError(t, err)
			}
			defer s.Close()
			random := rand.New(rand.NewPCG(1, 2))
			at := func(after time.Duration) { now = begin.Add(after) }
			at(time.Minute)
			_, err := s.AppendEvents(richEvents(random, 10))
			require.NoError(t, err)
			at(2 * time.Minute)
			assert.Equal(t, model.Nanos(begin.UnixNano()), Since(s), "there were no spans and points")

			_, err = s.AppendSpans(richSpans(random, 10))
			require.NoError(t, err)
			at(90 * time.Minute)
			s.Retire()
			_, err = s.AppendEvents(richEvents(random, 10))
			require.NoError(t, err)
			at(2 * time.Hour)
			assert.Equal(t, model.Nanos(begin.Add(90*time.Minute).UnixNano()), Since(s), "the spans were evicted then, and none came since")
		})
	}
}
