// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// smallDisk is a disk that is full soon.
func smallDisk(t *testing.T) string {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); errors.Is(err, syscall.EPERM) {
		t.Skip("only root can make a disk that is full")
	} else {
		require.NoError(t, err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	return filepath.Join(disk, "store")
}

// fill takes all that is left of the disk.
func fill(t *testing.T, store string) {
	t.Helper()
	ballast, err := os.Create(filepath.Join(filepath.Dir(store), "ballast"))
	require.NoError(t, err)
	defer ballast.Close()
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
}

func storeHealth(t *testing.T, client api) *tapiov1.HealthCheckResponse {
	t.Helper()
	health, err := client.events.HealthCheck(bounded(t), &tapiov1.HealthCheckRequest{})
	require.NoError(t, err)
	return health
}

// While the disk is full the store serves from memory and reports that it does; what is
// in memory only when the collector is stopped does not go without an error.
func TestAFullDiskIsCountedAndServingGoesOn(t *testing.T) {
	t.Parallel()
	directory := smallDisk(t)
	c := Start(t, standard, inDirectory(directory)...)
	full := func() bool {
		sendGRPC(t, c, lines("full", 0, 1000, ""))
		stats, err := apiOf(t, c).events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
		require.NoError(t, err)
		return stats.GetDirectory().GetFailedWriteCount() > 0
	}
	eventually(t, startLimit, full, "a write fails")
	require.Contains(t, string(c.Log()), "no space left on device")
	before := storedLogs(t, apiOf(t, c)).RecordCount
	sendGRPC(t, c, lines("full", 0, 100, ""))
	require.Equal(t, before+100, storedLogs(t, apiOf(t, c)).RecordCount)
	require.Equal(t, tapiov1.HealthCheckResponse_STATUS_DEGRADED, storeHealth(t, apiOf(t, c)).Status)

	fill(t, directory)
	c.askReload(t) // which does not end it, for that would take the records
	c.awaitReady(t)
	require.Equal(t, before+100, storedLogs(t, apiOf(t, c)).RecordCount)
	require.NotZero(t, c.Stop())
	require.Contains(t, string(c.Log()), "failed to write the store to its directory")
}

// With sync a sender learns that nothing is stored, and may try again.
func TestAFullDiskRefusesWithSync(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, append(inDirectory(smallDisk(t)), "--set=extensions::tapio::store::durability=sync")...)
	client := collogs.NewLogsServiceClient(dial(t, c.OTLPGRPC, insecure.NewCredentials()))
	sent := 0
	var refused error
	eventually(t, startLimit, func() bool {
		_, refused = client.Export(bounded(t), lines("full", sent, sent+1000, "e2e.full"))
		if refused == nil {
			sent += 1000
		}
		return refused != nil
	}, "a write is refused")
	require.Equal(t, codes.Unavailable, status.Code(refused), "%v", refused)
	require.Contains(t, refused.Error(), "no space left on device")
	require.Equal(t, tapiov1.HealthCheckResponse_STATUS_DEGRADED, storeHealth(t, apiOf(t, c)).Status)
	require.EqualValues(t, sent, storedLogs(t, apiOf(t, c)).RecordCount, "what is refused is not stored")
}

// A directory that someone removes is made again, with all that is in memory.
func TestARemovedDirectoryIsMadeAgain(t *testing.T) {
	t.Parallel()
	directory := filepath.Join(t.TempDir(), "store")
	args := append(inDirectory(directory), "--set=extensions::tapio::store::durability=sync")
	c := Start(t, standard, args...)
	sendGRPC(t, c, lines("removed", 0, 5000, "e2e.removed"))
	eventually(t, startLimit, func() bool { return os.RemoveAll(directory) == nil }, "it is removed, though files are written there")
	eventually(t, startLimit, func() bool { return len(segmentFiles(t, directory)) > 0 }, "the files are there again")
	client := collogs.NewLogsServiceClient(dial(t, c.OTLPGRPC, insecure.NewCredentials()))
	eventually(t, startLimit, func() bool {
		_, err := client.Export(bounded(t), lines("removed", 5000, 5100, "e2e.removed"))
		return err == nil
	}, "records are taken again")
	serving := func() bool { return storeHealth(t, apiOf(t, c)).Status == tapiov1.HealthCheckResponse_STATUS_SERVING }
	eventually(t, startLimit, serving, "the store is well again")
	c.Kill()

	c = Start(t, standard, args...)
	got := stored(t, apiOf(t, c), "e2e.removed")
	slices.Sort(got)
	require.Equal(t, sequence(0, 5100), got)
}
