// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprofscrape

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/pprof"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tapio/tapio/internal/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counting serves a profile of what was allocated so far.
func counting(t *testing.T, total *atomic.Int64) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debug/pprof/allocs" {
			http.NotFound(w, r)
			return
		}
		f := &profile.Function{ID: 1, Name: "main.grow"}
		l := &profile.Location{ID: 1, Line: []profile.Line{{Function: f}}}
		p := &profile.Profile{
			SampleType: []*profile.ValueType{{Type: "alloc_space", Unit: "bytes"}, {Type: "inuse_space", Unit: "bytes"}},
			Sample:     []*profile.Sample{{Location: []*profile.Location{l}, Value: []int64{total.Load(), 7}}},
			Location:   []*profile.Location{l}, Function: []*profile.Function{f},
		}
		assert.NoError(t, p.Write(w))
	}))
	t.Cleanup(server.Close)
	return server
}

// What a program counts from its start is passed on as what was added.
func TestCountsBecomeDifferences(t *testing.T) {
	var total atomic.Int64
	server := counting(t, &total)
	var got []model.Profile
	target := &Target{
		URL: server.URL + "/debug/pprof/", Client: server.Client(), Turn: &sync.Mutex{},
		Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue("shop")}},
		Write: func(_ context.Context, profiles []model.Profile) error {
			got = append(got, profiles...)
			return nil
		},
	}
	before := map[Kind]snapshot{}
	for _, now := range []int64{100, 130, 130, 20} { // the last after a restart
		total.Store(now)
		require.NoError(t, target.fetch(t.Context(), Allocs, before))
	}
	require.Len(t, got, 3)
	sums := make([]int64, len(got))
	for i := range got {
		assert.Equal(t, "alloc_space", got[i].Type.Name)
		assert.Equal(t, "shop", got[i].Resource.Service())
		assert.Positive(t, got[i].Duration)
		for _, s := range got[i].Samples {
			sums[i] += s.Values[0]
		}
	}
	assert.Equal(t, []int64{30, 0, 20}, sums)
	require.ErrorContains(t, target.fetch(t.Context(), Heap, before), "answers 404")
}

// The profiles of this very process, by the handlers that programs use.
func TestRunFetchesFromRealHandlers(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	server := httptest.NewServer(mux)
	defer server.Close()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	names := map[string]bool{}
	outcomes := map[Kind]error{}
	target := &Target{
		URL: server.URL + "/debug/pprof", Client: server.Client(), Kinds: []Kind{Heap, Goroutine}, Interval: time.Hour, Turn: &sync.Mutex{},
		Write: func(_ context.Context, profiles []model.Profile) error {
			for i := range profiles {
				names[profiles[i].Type.Name] = true
			}
			return nil
		},
		Report: func(kind Kind, err error) {
			outcomes[kind] = err
			if len(outcomes) == 2 {
				stop()
			}
		},
	}
	target.Run(ctx)
	assert.Equal(t, map[Kind]error{Heap: nil, Goroutine: nil}, outcomes)
	assert.Equal(t, map[string]bool{"inuse_space": true, "inuse_objects": true, "goroutine": true}, names)
}

func TestKinds(t *testing.T) {
	require.NoError(t, CPU.Check())
	require.ErrorContains(t, Kind("threads").Check(), `unknown profile "threads": use cpu, heap`)
	list := Mutex.selected([]model.Profile{{Type: model.ProfileType{Name: "contentions"}}, {Type: model.ProfileType{Name: "delay"}}})
	assert.Equal(t, "mutex_count", list[0].Type.Name)
	assert.Equal(t, "mutex_duration", list[1].Type.Name)
}

// A small file of very many samples does not take memory without bound.
func TestProfilesOfTooManySamplesAreRefused(t *testing.T) {
	file := []byte("\x0a\x04\x08\x01\x10\x02\x32\x00\x32\x0binuse_space\x32\x05bytes") // a sample type and its texts
	file = append(file, bytes.Repeat([]byte("\x12\x03\x12\x01\x01"), maxDecodedBytes/1024)...)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(file)
	}))
	defer server.Close()
	target := &Target{URL: server.URL, Client: server.Client(), Turn: &sync.Mutex{}}
	before := map[Kind]snapshot{Allocs: {}}
	for _, kind := range []Kind{Heap, Allocs} {
		require.ErrorContains(t, target.fetch(t.Context(), kind, before), "needs more than 256 MiB of memory")
	}
}
