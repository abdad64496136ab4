// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/archive"
	"github.com/tapio/tapio/internal/archive/archivetest"
	"github.com/tapio/tapio/internal/archive/bucket"
	"github.com/tapio/tapio/internal/model"
)

// Faults of the object store keep nothing from being stored, and what waits is archived
// once it is back.
func TestFaultsOfTheObjectStore(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{"503": archivetest.Unavailable, "slow": archivetest.Hang, "cut": archivetest.Cut} {
		t.Run(name, func(t *testing.T) {
			server := archivetest.Serve(t)
			objects := bucketOf(t, server)
			from := newStore(8 << 20)
			fill(t, from, 5, "checkout")
			report := &archiving{}
			a := newArchiver(t, from, objects, archive.NewPositions(), report)
			server.Fail(fault)
			ctx, cancel := context.WithCancel(t.Context())
			flushed := make(chan error, 1)
			go func() { flushed <- a.Flush(ctx) }()
			require.Eventually(t, func() bool { return a.Stats().Failed > 0 }, 20*time.Second, time.Millisecond)
			fill(t, from, 5, "payment") // is not held up
			server.Fail(nil)
			require.NoError(t, <-flushed)
			cancel()
			require.NoError(t, a.Flush(t.Context()))
			failures := report.all()
			require.Len(t, failures, 2)
			require.Error(t, failures[0])
			require.NoError(t, failures[1])
			to, _ := restored(t, objects, archive.Selection{})
			assert.ElementsMatch(t, texts(t, from), texts(t, to))
			assert.Equal(t, uint64(10), to.Stats()[3].LastSeq, "profiles")
		})
	}
}

func TestRestoreReportsWhatItCannotRead(t *testing.T) {
	server := archivetest.Serve(t)
	objects := bucketOf(t, server)
	from := newStore(8 << 20)
	fill(t, from, 5, "checkout")
	require.NoError(t, newArchiver(t, from, objects, archive.NewPositions(), &archiving{}).Flush(t.Context()))

	server.Fail(archivetest.Cut)
	_, err := restorer(objects).Restore(t.Context(), archive.Selection{}, newStore(1<<20), func(*archive.Progress) error { return nil })
	require.Error(t, err)
	server.Fail(nil)

	var keys []bucket.Object
	require.NoError(t, objects.List(t.Context(), "prod/", "", func(o bucket.Object) bool {
		if strings.HasSuffix(o.Key, ".otlp.zst") {
			keys = append(keys, o)
		}
		return true
	}))
	require.Len(t, keys, 4)
	require.NoError(t, objects.Put(t.Context(), keys[0].Key, make([]byte, keys[0].Size)))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, server.URL+"/"+archivetest.Bucket+"/"+keys[1].Key, nil)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	_, progress := restored(t, objects, archive.Selection{})
	assert.Equal(t, uint64(1), progress.Damaged)
	assert.Equal(t, uint64(1), progress.Missing)
	assert.Len(t, progress.Records, 2, "the other signals are restored")
	http.DefaultClient.CloseIdleConnections()
}

// A crash between the objects and their index repeats nothing: what is written again has
// the same keys.
func TestACrashRepeatsNothing(t *testing.T) {
	directory := t.TempDir()
	objects := bucketOf(t, archivetest.Serve(t))
	from := newStore(8 << 20)
	fill(t, from, 5, "checkout")
	positions, err := archive.OpenPositions(directory)
	require.NoError(t, err)
	crashing := &crashingBucket{Bucket: objects}
	ctx, crash := context.WithCancel(t.Context())
	crashing.crash = crash
	require.ErrorIs(t, newArchiver(t, from, crashing, positions, &archiving{}).Flush(ctx), context.Canceled)

	fill(t, from, 5, "payment")
	again, err := archive.OpenPositions(directory)
	require.NoError(t, err)
	require.NoError(t, newArchiver(t, from, objects, again, &archiving{}).Flush(t.Context()))
	after, err := archive.OpenPositions(directory)
	require.NoError(t, err)
	a := newArchiver(t, from, objects, after, &archiving{})
	require.NoError(t, a.Flush(t.Context()))
	assert.Zero(t, a.Stats().Records["logs"], "all was archived before")
	to, _ := restored(t, objects, archive.Selection{})
	assert.ElementsMatch(t, texts(t, from), texts(t, to))
}

// crashingBucket fails with the first index.
type crashingBucket struct {
	bucket.Bucket
	crash context.CancelFunc
}

func (b *crashingBucket) Put(ctx context.Context, key string, body []byte) error {
	if strings.Contains(key, "/index/") {
		b.crash()
		return errors.New("crashed")
	}
	return b.Bucket.Put(ctx, key, body)
}

func TestEvictedRecordsAreCounted(t *testing.T) {
	objects := bucketOf(t, archivetest.Serve(t))
	from := newStore(256 << 10)
	a := newArchiver(t, from, objects, archive.NewPositions(), &archiving{})
	fill(t, from, 1, "checkout")
	require.NoError(t, a.Flush(t.Context()))
	for range 300 {
		var large string
		for range 160 { // does not compress
			large += rand.Text()
		}
		store1(t, func() (int, error) {
			return from.AppendEvents([]model.Event{{Time: 1, Body: model.StringValue(large), Resource: resource("checkout"), Scope: &model.Scope{}}})
		})
	}
	require.NoError(t, a.Flush(t.Context()))
	stats := a.Stats()
	dropped := stats.Dropped[archive.Dropped{Signal: "logs", Reason: "evicted"}]
	assert.Positive(t, dropped)
	assert.Equal(t, uint64(301), dropped+stats.Records["logs"])
}
