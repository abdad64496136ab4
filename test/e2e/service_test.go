// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// launchHeld starts a collector until its API listens. A receiver that reads its
// certificate from a pipe holds up the start until open is called.
func launchHeld(t *testing.T) (c *Collector, open func()) {
	t.Helper()
	authority := newAuthority(t)
	pair := authority.issue(t, "localhost")
	pem, err := os.ReadFile(pair.cert)
	require.NoError(t, err)
	pipe := filepath.Join(t.TempDir(), "cert.pem")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	gate, err := os.OpenFile(pipe, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { _ = gate.Close() }) // closed already by open
	c = launch(t, standard, "--set=receivers::otlp::protocols::grpc::tls::cert_file="+pipe,
		"--set=receivers::otlp::protocols::grpc::tls::key_file="+pair.key)
	t.Cleanup(func() { c.finish(t) })
	eventually(t, startLimit, func() bool { c.readAddresses(c.Log()); return c.HTTP != "" }, "the API listens")
	return c, func() {
		t.Helper()
		eventually(t, startLimit, func() bool { return c.holds(pipe) }, "the receiver waits for its certificate")
		_, err := gate.Write(pem)
		require.NoError(t, err)
		require.NoError(t, gate.Close())
	}
}

// SIGTERM during the start was lost where components had started already.
func TestSIGTERMDuringTheStartEndsTheCollector(t *testing.T) {
	t.Parallel()
	c, open := launchHeld(t)
	require.NoError(t, c.Signal(syscall.SIGTERM))
	eventually(t, startLimit, func() bool { return bytes.Contains(c.Log(), []byte("received a signal during the start")) }, "the signal is logged")
	open()
	require.Zero(t, c.Wait(), "it ends in order by itself")
}

func TestASecondSIGTERMDuringTheStartExitsAtOnce(t *testing.T) {
	t.Parallel()
	c, _ := launchHeld(t)
	require.NoError(t, c.Signal(syscall.SIGTERM))
	eventually(t, startLimit, func() bool { return bytes.Contains(c.Log(), []byte("received a signal during the start")) }, "the signal is logged")
	require.NoError(t, c.Signal(syscall.SIGTERM))
	require.Equal(t, 128+int(syscall.SIGTERM), c.Wait())
}

// The server answers that it does not serve while the pipelines start.
func TestHealthFollowsThePipelines(t *testing.T) {
	t.Parallel()
	c, open := launchHeld(t)
	conn := dial(t, c.GRPC, insecure.NewCredentials())
	require.Equal(t, grpc_health_v1.HealthCheckResponse_NOT_SERVING, health(t, grpc_health_v1.NewHealthClient(conn)))
	own, err := apiAt(conn).events.HealthCheck(bounded(t), &tapiov1.HealthCheckRequest{})
	require.NoError(t, err, "it answers at all times")
	require.Equal(t, tapiov1.HealthCheckResponse_STATUS_NOT_SERVING, own.Status)
	code, body := get(t, "http://"+c.HTTP+"/v1/health")
	require.Equal(t, 503, code, "who looks at the code alone waits, too")
	require.Contains(t, string(body), "STATUS_NOT_SERVING")

	open()
	c.awaitReady(t)
	require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, health(t, grpc_health_v1.NewHealthClient(conn)))
	own, err = apiAt(conn).events.HealthCheck(bounded(t), &tapiov1.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, tapiov1.HealthCheckResponse_STATUS_SERVING, own.Status, "%v", own)
	code, _ = get(t, "http://"+c.HTTP+"/v1/health")
	require.Equal(t, 200, code)
}

// holds reports whether the collector has the file open: what is written to a pipe before
// is gone once the pipe is closed.
func (c *Collector) holds(file string) bool {
	folder := fmt.Sprintf("/proc/%d/fd", c.PID())
	entries, _ := os.ReadDir(folder)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		target, _ := os.Readlink(filepath.Join(folder, e.Name()))
		return target == file
	})
}

func health(t *testing.T, client grpc_health_v1.HealthClient) grpc_health_v1.HealthCheckResponse_ServingStatus {
	t.Helper()
	answer, err := client.Check(bounded(t), &grpc_health_v1.HealthCheckRequest{})
	require.NoError(t, err)
	return answer.Status
}

func TestReflectionListsTheServices(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	stream, err := grpc_reflection_v1.NewServerReflectionClient(dial(t, c.GRPC, insecure.NewCredentials())).ServerReflectionInfo(bounded(t))
	require.NoError(t, err)
	require.NoError(t, stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	}))
	answer, err := stream.Recv()
	require.NoError(t, err)
	var names []string
	for _, service := range answer.GetListServicesResponse().Service {
		names = append(names, service.Name)
	}
	require.Subset(t, names, []string{
		"tapio.v1.TapioService", "tapio.v1.CollectorService", "tapio.v1.ObservabilityService", "grpc.health.v1.Health",
	})
}

func TestServerReportsItself(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	requireAck(t, senders(t, client)["CollectorService.SendEventBatch"](t, eventBatch("one", 0, 10)), "one", 10)
	sendGRPC(t, c, fullTraces(t))

	info, err := client.events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	require.Equal(t, "tapio", info.Name)
	require.NotEmpty(t, info.Version)
	require.Equal(t, "1h0m0s", info.MaxAge.AsDuration().String())
	require.Contains(t, info.ImplementedMethods, "tapio.v1.ObservabilityService/GetMetrics")

	figures, err := client.events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 10, figures.AcceptedRecordCount)
	require.Positive(t, figures.HeapBytes)
	counts := map[string]uint64{}
	capacity := uint64(0)
	for _, s := range figures.Store {
		counts[s.Signal] = s.RecordCount
		if s.Signal != "profiles" { // which take theirs from the others
			capacity += s.CapacityBytes
		}
		require.LessOrEqual(t, s.SizeBytes, s.CapacityBytes)
	}
	require.Equal(t, map[string]uint64{"logs": 10, "traces": 4, "metrics": 0, "profiles": 0}, counts)
	require.InDelta(t, (64<<20)*5/6, capacity, 1<<10, "a sixth is for taking records in")
}

// The HTTP side describes itself, and answers GET as well as POST.
func TestHTTPSide(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	code, text := get(t, "http://"+c.HTTP+"/openapi.json")
	require.Equal(t, 200, code)
	var document struct{ Paths map[string]any }
	require.NoError(t, json.Unmarshal(text, &document))
	require.Contains(t, document.Paths, "/v1/logs:query")

	sendGRPC(t, c, lines("app", 0, 3, ""))
	var got tapiov1.GetLogsResponse
	queryGet(t, c, "/v1/logs?filter.limit=2&filter.services=app", &got)
	require.Len(t, got.Logs, 2)
	var healthy tapiov1.HealthCheckResponse
	queryGet(t, c, "/v1/health", &healthy)
	require.Equal(t, tapiov1.HealthCheckResponse_STATUS_SERVING, healthy.Status)
	code, text = post(t, "http://"+c.HTTP+"/v1/logs:query", "application/json", []byte(`{"filter":{"labelSelectors":[{"key":"a","operator":"~~"}]}}`))
	require.Equal(t, 400, code)
	require.Contains(t, string(text), "filter.label_selectors[0].operator")
	code, _ = get(t, "http://"+c.HTTP+"/v1/nothing")
	require.Equal(t, 404, code)
}

// An error that a component of the collector reports makes the health worse,
// and is reported with its name: here one without the privileges that it needs.
func TestHealthFollowsComponents(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := launchAs(t, kernelStandard, 65534)
	t.Cleanup(func() { c.finish(t) })
	c.awaitReady(t)
	own, err := apiOf(t, c).events.HealthCheck(bounded(t), &tapiov1.HealthCheckRequest{})
	require.NoError(t, err)
	require.Equal(t, tapiov1.HealthCheckResponse_STATUS_DEGRADED, own.Status)
	var told []string
	for _, component := range own.Components {
		if component.Status != tapiov1.HealthCheckResponse_STATUS_SERVING {
			told = append(told, component.Name+": "+component.Message)
		}
	}
	require.Len(t, told, 1)
	require.Contains(t, told[0], "ebpf")
	require.Contains(t, told[0], "CAP_BPF")
	require.Equal(t, grpc_health_v1.HealthCheckResponse_SERVING, health(t, grpc_health_v1.NewHealthClient(apiOf(t, c).conn)),
		"load balancers go on")
}
