// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestMain(m *testing.M) {
	if slices.Equal(os.Args[1:], []string{"demo", "service"}) {
		RunProcess("dev") // a process that the demo of a test starts
	}
	goleak.VerifyTestMain(m)
}

var errNotFaked = status.Error(codes.Unimplemented, "not faked by this test")

// fakeServer answers with the functions that a test sets.
type fakeServer struct {
	health       *tapiov1.HealthCheckResponse
	info         func() (*tapiov1.GetServiceInfoResponse, error)
	eventByID    func(*tapiov1.GetEventByIdRequest) (*tapiov1.GetEventByIdResponse, error)
	getEvents    func(*tapiov1.GetEventsRequest) (*tapiov1.GetEventsResponse, error)
	getLogs      func(*tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error)
	getTraces    func(*tapiov1.GetTracesRequest) (*tapiov1.GetTracesResponse, error)
	timeline     func(*tapiov1.GetTraceTimelineRequest) (*tapiov1.GetTraceTimelineResponse, error)
	getMetrics   func(*tapiov1.GetMetricsRequest) (*tapiov1.GetMetricsResponse, error)
	streamLogs   func(*tapiov1.StreamLogsRequest, grpc.ServerStreamingServer[tapiov1.StreamLogsResponse]) error
	streamSpans  func(*tapiov1.StreamTracesRequest) *tapiov1.StreamTracesResponse
	streamPoints func(*tapiov1.StreamMetricsRequest) *tapiov1.StreamMetricsResponse
	subscribe    func(*tapiov1.SubscribeToEventsRequest, grpc.ServerStreamingServer[tapiov1.SubscribeToEventsResponse]) error
	exportChunks func(*tapiov1.ExportMetricsRequest) []string

	// take answers each batch that is sent.
	take func(*tapiov1.EventBatch) (*tapiov1.BatchAck, error)

	groups   func(*tapiov1.GetSemanticGroupsRequest) (*tapiov1.GetSemanticGroupsResponse, error)
	insights func(*tapiov1.GetInsightsRequest) (*tapiov1.GetInsightsResponse, error)

	figures      func() *tapiov1.TapioServiceGetMetricsResponse
	list         func(*tapiov1.ListCollectorsRequest) (*tapiov1.ListCollectorsResponse, error)
	getConfig    func(*tapiov1.GetConfigRequest) (*tapiov1.GetConfigResponse, error)
	updateConfig func(*tapiov1.UpdateConfigRequest) (*tapiov1.UpdateConfigResponse, error)

	// lastContext is that of the latest HealthCheck.
	lastContext context.Context
}

// observabilityFake and tapioFake are apart because both services have a method
// GetMetrics.
type observabilityFake struct {
	tapiov1.UnimplementedObservabilityServiceServer
	fake *fakeServer
}

type tapioFake struct {
	tapiov1.UnimplementedTapioServiceServer
	fake *fakeServer
}

type collectorFake struct {
	tapiov1.UnimplementedCollectorServiceServer
	fake *fakeServer
}

func (s collectorFake) ListCollectors(_ context.Context, r *tapiov1.ListCollectorsRequest) (*tapiov1.ListCollectorsResponse, error) {
	return answer(s.fake.list, r)
}

func (s collectorFake) GetConfig(_ context.Context, r *tapiov1.GetConfigRequest) (*tapiov1.GetConfigResponse, error) {
	return answer(s.fake.getConfig, r)
}

func (s collectorFake) UpdateConfig(_ context.Context, r *tapiov1.UpdateConfigRequest) (*tapiov1.UpdateConfigResponse, error) {
	return answer(s.fake.updateConfig, r)
}

func (s tapioFake) GetMetrics(context.Context, *tapiov1.TapioServiceGetMetricsRequest) (*tapiov1.TapioServiceGetMetricsResponse, error) {
	return s.fake.figures(), nil
}

func answer[Request, Response any](f func(Request) (Response, error), request Request) (Response, error) {
	if f == nil {
		var none Response
		return none, errNotFaked
	}
	return f(request)
}

func (s tapioFake) HealthCheck(ctx context.Context, _ *tapiov1.HealthCheckRequest) (*tapiov1.HealthCheckResponse, error) {
	s.fake.lastContext = ctx
	return s.fake.health, nil
}

func (s tapioFake) GetServiceInfo(context.Context, *tapiov1.GetServiceInfoRequest) (*tapiov1.GetServiceInfoResponse, error) {
	if s.fake.info == nil {
		return nil, errNotFaked
	}
	return s.fake.info()
}

func (s tapioFake) GetEventById(_ context.Context, r *tapiov1.GetEventByIdRequest) (*tapiov1.GetEventByIdResponse, error) {
	return answer(s.fake.eventByID, r)
}

func (s tapioFake) GetSemanticGroups(
	_ context.Context, r *tapiov1.GetSemanticGroupsRequest,
) (*tapiov1.GetSemanticGroupsResponse, error) {
	return answer(s.fake.groups, r)
}

func (s tapioFake) GetInsights(_ context.Context, r *tapiov1.GetInsightsRequest) (*tapiov1.GetInsightsResponse, error) {
	return answer(s.fake.insights, r)
}

func (s tapioFake) GetEvents(_ context.Context, r *tapiov1.GetEventsRequest) (*tapiov1.GetEventsResponse, error) {
	return answer(s.fake.getEvents, r)
}

func (s tapioFake) StreamEvents(stream grpc.BidiStreamingServer[tapiov1.StreamEventsRequest, tapiov1.StreamEventsResponse]) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		ack, err := answer(s.fake.take, request.GetBatch())
		if err != nil {
			return err
		}
		if err := stream.Send(&tapiov1.StreamEventsResponse{Message: &tapiov1.StreamEventsResponse_Ack{Ack: ack}}); err != nil {
			return err
		}
	}
}

func (s tapioFake) SubscribeToEvents(r *tapiov1.SubscribeToEventsRequest, stream grpc.ServerStreamingServer[tapiov1.SubscribeToEventsResponse]) error {
	return s.fake.subscribe(r, stream)
}

func (s observabilityFake) GetLogs(_ context.Context, r *tapiov1.GetLogsRequest) (*tapiov1.GetLogsResponse, error) {
	return answer(s.fake.getLogs, r)
}

func (s observabilityFake) GetTraces(_ context.Context, r *tapiov1.GetTracesRequest) (*tapiov1.GetTracesResponse, error) {
	return answer(s.fake.getTraces, r)
}

func (s observabilityFake) GetTraceTimeline(_ context.Context, r *tapiov1.GetTraceTimelineRequest) (*tapiov1.GetTraceTimelineResponse, error) {
	return answer(s.fake.timeline, r)
}

func (s observabilityFake) GetMetrics(_ context.Context, r *tapiov1.GetMetricsRequest) (*tapiov1.GetMetricsResponse, error) {
	return answer(s.fake.getMetrics, r)
}

func (s observabilityFake) StreamLogs(r *tapiov1.StreamLogsRequest, stream grpc.ServerStreamingServer[tapiov1.StreamLogsResponse]) error {
	return s.fake.streamLogs(r, stream)
}

func (s observabilityFake) StreamTraces(r *tapiov1.StreamTracesRequest, stream grpc.ServerStreamingServer[tapiov1.StreamTracesResponse]) error {
	return stream.Send(s.fake.streamSpans(r))
}

func (s observabilityFake) StreamMetrics(r *tapiov1.StreamMetricsRequest, stream grpc.ServerStreamingServer[tapiov1.StreamMetricsResponse]) error {
	return stream.Send(s.fake.streamPoints(r))
}

func (s observabilityFake) ExportMetrics(r *tapiov1.ExportMetricsRequest, stream grpc.ServerStreamingServer[tapiov1.ExportMetricsResponse]) error {
	for _, chunk := range s.fake.exportChunks(r) {
		if err := stream.Send(&tapiov1.ExportMetricsResponse{Data: []byte(chunk)}); err != nil {
			return err
		}
	}
	return nil
}

// testNow is the present of every test.
func testNow() time.Time { return time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC) }

// cli runs command lines against a fake server.
type cli struct {
	app      *app.App
	out      *bytes.Buffer
	errOut   *bytes.Buffer
	in       bytes.Buffer
	env      map[string]string
	listener *bufconn.Listener
}

type result struct {
	out, errOut string
	code        int
}

func newCLI(t *testing.T, fake *fakeServer, options ...grpc.ServerOption) *cli {
	t.Helper()
	c := &cli{
		out: &bytes.Buffer{}, errOut: &bytes.Buffer{},
		env: map[string]string{"TAPIO_SERVER": "passthrough:///fake"}, listener: bufconn.Listen(1 << 20),
	}
	server := grpc.NewServer(options...)
	tapiov1.RegisterTapioServiceServer(server, tapioFake{fake: fake})
	tapiov1.RegisterObservabilityServiceServer(server, observabilityFake{fake: fake})
	tapiov1.RegisterCollectorServiceServer(server, collectorFake{fake: fake})
	done := make(chan error, 1)
	go func() { done <- server.Serve(c.listener) }()
	t.Cleanup(func() {
		server.Stop()
		// A command that never called may end before Serve began.
		if err := <-done; !errors.Is(err, grpc.ErrServerStopped) {
			require.NoError(t, err)
		}
	})
	c.app = &app.App{
		Out:     render.NewOutput(c.out, c.errOut, false, testNow),
		In:      &c.in,
		Version: "dev",
		Environ: func(name string) string { return c.env[name] },
		Sleep:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		DialOptions: []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return c.listener.DialContext(ctx)
		})},
	}
	return c
}

func (c *cli) run(t *testing.T, args ...string) result {
	t.Helper()
	return c.runContext(t.Context(), args...)
}

func (c *cli) runContext(ctx context.Context, args ...string) result {
	c.out.Reset()
	c.errOut.Reset()
	code := runCommand(ctx, c.app, args)
	return result{c.out.String(), c.errOut.String(), code}
}

// requireGolden compares with testdata/<name>; TAPIO_UPDATE_GOLDEN=1 rewrites it.
func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("TAPIO_UPDATE_GOLDEN") == "1" {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// requireSuccess checks that a command ended well and said nothing on stderr.
func requireSuccess(t *testing.T, r result) {
	t.Helper()
	require.Empty(t, r.errOut)
	require.Equal(t, exitcode.OK, r.code)
}
