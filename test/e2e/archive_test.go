// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// objectStore serves S3 with the bucket "telemetry", and answers 503 while down is set.
func objectStore(t *testing.T) (address string, down *atomic.Bool) {
	t.Helper()
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("telemetry"))
	store := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	down = new(atomic.Bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		store.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, down
}

func archiveTo(address, upload string) []string {
	return []string{
		"--set=extensions::tapio::archive::bucket=telemetry", "--set=extensions::tapio::archive::endpoint=" + address,
		"--set=extensions::tapio::archive::access_key_id=key", "--set=extensions::tapio::archive::secret_access_key=secret",
		"--set=extensions::tapio::archive::flush_interval=1s", "--set=extensions::tapio::archive::upload=" + upload,
	}
}

// What one collector archived, although the object store was away for a while, another one
// with an empty store has after a restore.
func TestArchive(t *testing.T) {
	t.Parallel()
	address, down := objectStore(t)
	down.Store(true)
	c := Start(t, withProfiles, archiveTo(address, "true")...)
	client := apiOf(t, c)
	sendGRPC(t, c, lines("shop", 0, 50, ""))
	_, err := client.UploadProfile(bounded(t), &tapiov1.UploadProfileRequest{
		Data: []byte("main;work 30"), Format: tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED, Labels: map[string]string{"service": "shop"},
	})
	require.NoError(t, err)
	eventually(t, startLimit, func() bool {
		health, err := client.events.HealthCheck(bounded(t), &tapiov1.HealthCheckRequest{})
		require.NoError(t, err)
		text, err := json.Marshal(health)
		require.NoError(t, err)
		return strings.Contains(string(text), "archive: bucket telemetry")
	}, "the health names the object store that is away")
	got, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Services: []string{"shop"}, Limit: 100}})
	require.NoError(t, err)
	require.Len(t, got.GetLogs(), 50, "it answers all the while")
	down.Store(false)

	restored := Start(t, withProfiles, archiveTo(address, "false")...)
	eventually(t, startLimit, func() bool {
		listed := string(tapioctl(t, restored, "archive", "list", "--service", "shop", "-o", "json"))
		return strings.Contains(listed, `"profiles"`) && strings.Contains(listed, `"logs"`)
	}, "both signals are archived")
	require.Contains(t, string(tapioctl(t, restored, "archive", "restore", "--service", "shop")), "restored 50 logs, 1 profiles from 2 of 2 objects")
	require.ElementsMatch(t, numbers(got.GetLogs()), numbersOf(t, restored))
	profile, err := apiOf(t, restored).AnalyzeProfile(bounded(t), &tapiov1.AnalyzeProfileRequest{SampleType: "samples"})
	require.NoError(t, err)
	require.InDelta(t, 30, profile.GetTotalValue(), 0)

	stream, err := tapiov1.NewOperationsServiceClient(client.conn).RestoreArchive(bounded(t), &tapiov1.RestoreArchiveRequest{Selection: &tapiov1.ArchiveSelection{Services: []string{"shop"}}})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.ErrorContains(t, err, "archive::upload: false")
}

func numbersOf(t *testing.T, c *Collector) []int {
	t.Helper()
	got, err := apiOf(t, c).GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Services: []string{"shop"}, Limit: 100}})
	require.NoError(t, err)
	return numbers(got.GetLogs())
}
