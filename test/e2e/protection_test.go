// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// guarded asks every client for its password, and separates their rights.
var guarded = strings.NewReplacer(
	"extensions:\n  tapio:\n", `extensions:
  basicauth:
    htpasswd:
      inline: |
        reader:secret
        writer:secret
        ruler:secret
  tapio:
    access: {attribute: username, read: [reader, ruler], write: [writer], admin: [ruler]}
`,
	`grpc: {endpoint: "localhost:0"}
    http: {endpoint: "localhost:0"}
    store`, `grpc: {endpoint: "localhost:0", auth: {authenticator: basicauth}}
    http: {endpoint: "localhost:0", auth: {authenticator: basicauth}}
    store`,
	"extensions: [tapio]", "extensions: [basicauth, tapio]",
).Replace(standard)

// password is what a client says of itself with every call.
type password struct{ user, secret string }

func (p password) header() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(p.user+":"+p.secret))
}

func (p password) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": p.header()}, nil
}

func (password) RequireTransportSecurity() bool { return false }

func TestRightsAreSeparate(t *testing.T) {
	t.Parallel()
	c := Start(t, guarded)
	as := func(p password) api {
		return apiAt(dial(t, c.GRPC, insecure.NewCredentials(), grpc.WithPerRPCCredentials(p)))
	}
	calls := map[string]func(api) error{
		"read": func(a api) error {
			_, err := a.GetLogs(bounded(t), &tapiov1.GetLogsRequest{})
			return err
		},
		"discover": func(a api) error { return discover(t, a) },
		"follow": func(a api) error {
			stream, err := a.events.SubscribeToEvents(bounded(t), &tapiov1.SubscribeToEventsRequest{
				HistoryOnly: true, Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}},
			})
			require.NoError(t, err)
			_, err = stream.Recv()
			return err
		},
		"write": func(a api) error {
			_, err := a.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: eventBatch("b", 1, 2)})
			return err
		},
		"rule": func(a api) error {
			_, err := a.collectors.UpdateConfig(bounded(t), &tapiov1.UpdateConfigRequest{CollectorId: "x", Content: "a: b"})
			return err
		},
	}
	calls["follow while writing"] = func(a api) error {
		stream, err := a.events.StreamEvents(bounded(t))
		require.NoError(t, err)
		_ = stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Subscription{Subscription: &tapiov1.Subscription{
			Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}},
		}}}) // Recv returns the result
		_, err = stream.Recv()
		return err
	}
	calls["ask what is taken"] = func(a api) error {
		_, err := a.collectors.GetServerInfo(bounded(t), &tapiov1.GetServerInfoRequest{})
		return err
	}
	require.NoError(t, calls["write"](as(password{"writer", "secret"})))
	for user, may := range map[string]map[string]codes.Code{
		"reader": {"read": codes.OK, "discover": codes.OK, "follow": codes.OK, "write": codes.PermissionDenied, "rule": codes.PermissionDenied, "ask what is taken": codes.OK},
		"writer": {
			"read": codes.PermissionDenied, "discover": codes.PermissionDenied, "follow": codes.PermissionDenied, "write": codes.OK, "rule": codes.PermissionDenied,
			"follow while writing": codes.PermissionDenied, "ask what is taken": codes.OK,
		},
		"ruler": {"read": codes.OK, "write": codes.PermissionDenied, "rule": codes.NotFound}, // there is no collector x
	} {
		for call, want := range may {
			err := calls[call](as(password{user, "secret"}))
			require.Equal(t, want, status.Code(err), "%s may %s: %v", user, call, err)
		}
	}
	for call := range calls {
		require.Equal(t, codes.Unauthenticated, status.Code(calls[call](as(password{"reader", "wrong"}))))
	}
	for user, want := range map[string][]string{"reader": {"read"}, "ruler": {"read", "admin"}} {
		info, err := as(password{user, "secret"}).events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
		require.NoError(t, err)
		require.Equal(t, want, info.Permissions)
	}
	figures, err := as(password{"reader", "secret"}).events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
	require.NoError(t, err)
	require.EqualValues(t, 6+discoveryCalls, figures.RejectedCallCounts["Unauthenticated"], "refused calls are counted: %v", figures)
	require.EqualValues(t, 7+discoveryCalls, figures.RejectedCallCounts["PermissionDenied"])
}

// The same rights hold over HTTP, whatever a client claims in its headers.
func TestRightsOverHTTP(t *testing.T) {
	t.Parallel()
	c := Start(t, guarded)
	for user, want := range map[string]int{"reader": http.StatusOK, "writer": http.StatusForbidden, "": http.StatusUnauthorized} {
		request, err := http.NewRequestWithContext(bounded(t), http.MethodGet, "http://"+c.HTTP+"/v1/events", nil)
		require.NoError(t, err)
		if user != "" {
			request.Header.Set("Authorization", password{user, "secret"}.header())
		}
		request.Header.Set("Grpc-Metadata-Tapio-Caller-", "reader")
		request.Header.Set("Grpc-Metadata-Tapio-Host-", "127.0.0.1")
		code, body := do(t, request)
		require.Equal(t, want, code, "%s: %s", user, body)
	}
}

// A client that writes more than it may learns when to retry.
func TestRateOfAClient(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard, "--set=extensions::tapio::limits::client_bytes_per_second=2000"))
	batch := eventBatch("", 0, 10)
	var err error
	for range 20 {
		if _, err = client.collectors.SendEventBatch(bounded(t), &tapiov1.SendEventBatchRequest{Batch: batch}); err != nil {
			break
		}
	}
	requireRetry(t, err)
	stream, err := client.events.StreamEvents(bounded(t))
	require.NoError(t, err)
	require.NoError(t, stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Batch{Batch: batch}}))
	answer, err := stream.Recv()
	require.NoError(t, err, "a stream goes on")
	require.EqualValues(t, 10, answer.GetAck().RejectedCount)
	require.Positive(t, answer.GetAck().RetryAfter.AsDuration())
	figures, err := client.events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
	require.NoError(t, err)
	require.NotZero(t, figures.RejectedRecordCounts["rate_limited"])
}

func requireRetry(t *testing.T, err error) {
	t.Helper()
	require.Equal(t, codes.ResourceExhausted, status.Code(err), "%v", err)
	for _, detail := range status.Convert(err).Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			require.Positive(t, retry.RetryDelay.AsDuration())
			return
		}
	}
	t.Fatalf("no RetryInfo: %v", err)
}

func TestStreamsOfAClient(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard, "--set=extensions::tapio::limits::client_streams=2"))
	open := func() (tapiov1.TapioService_StreamEventsClient, error) {
		stream, err := client.events.StreamEvents(bounded(t))
		require.NoError(t, err)
		require.NoError(t, stream.Send(&tapiov1.StreamEventsRequest{Message: &tapiov1.StreamEventsRequest_Control{
			Control: &tapiov1.StreamControl{Action: tapiov1.StreamControl_ACTION_HEARTBEAT},
		}}))
		_, err = stream.Recv()
		return stream, err
	}
	first, err := open()
	require.NoError(t, err)
	_, err = open()
	require.NoError(t, err)
	_, err = open()
	requireRetry(t, err)
	require.NoError(t, first.CloseSend())
	_, err = first.Recv()
	require.Error(t, err)
	eventually(t, callLimit, func() bool { _, err := open(); return err == nil }, "a closed stream makes room")
}

// A reader that leaves its messages unread loses its stream, and only it.
func TestSlowReaderIsDropped(t *testing.T) {
	t.Parallel()
	c := Start(t, standard, "--set=extensions::tapio::limits::slow_reader_timeout=1s")
	stream, err := slowAPI(t, c).StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{
		Start: &tapiov1.StreamStart{Position: &tapiov1.StreamStart_AfterSequence{}},
	})
	require.NoError(t, err)
	for i := range 4 {
		request := lines("app", 1000*i, 1000*i+1000, "")
		for _, record := range request.ResourceLogs[0].ScopeLogs[0].LogRecords {
			record.SeverityText = noise(1000)
		}
		sendGRPC(t, c, request)
	}
	client := apiOf(t, c)
	figures := func() *tapiov1.TapioServiceGetMetricsResponse {
		resp, err := client.events.GetMetrics(bounded(t), &tapiov1.TapioServiceGetMetricsRequest{})
		require.NoError(t, err)
		return resp
	}
	eventually(t, callLimit, func() bool { return figures().DroppedStreamCounts["slow_reader"] == 1 }, "it is dropped and counted")
	eventually(t, callLimit, func() bool { return figures().OpenStreamCount == 0 }, "its stream is gone")
	for err == nil {
		_, err = stream.Recv()
	}
	requireRetry(t, err)
}
