// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// callLimit bounds every call and every stream of a test.
const callLimit = 30 * time.Second

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), callLimit)
	t.Cleanup(cancel)
	return ctx
}

func dial(t *testing.T, address string, creds credentials.TransportCredentials, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, append(options, grpc.WithTransportCredentials(creds))...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// api is the three services of one collector.
type api struct {
	tapiov1.ObservabilityServiceClient
	events     tapiov1.TapioServiceClient
	collectors tapiov1.CollectorServiceClient
	conn       *grpc.ClientConn
}

func apiOf(t *testing.T, c *Collector) api {
	t.Helper()
	return apiAt(dial(t, c.GRPC, insecure.NewCredentials()))
}

func apiAt(conn *grpc.ClientConn) api {
	return api{
		ObservabilityServiceClient: tapiov1.NewObservabilityServiceClient(conn),
		events:                     tapiov1.NewTapioServiceClient(conn),
		collectors:                 tapiov1.NewCollectorServiceClient(conn),
		conn:                       conn,
	}
}

// sendGRPC sends an OTLP request to the OTLP receiver's gRPC port.
func sendGRPC(t *testing.T, c *Collector, request proto.Message) {
	t.Helper()
	conn := dial(t, c.OTLPGRPC, insecure.NewCredentials())
	defer conn.Close()
	var err error
	switch r := request.(type) {
	case *collogs.ExportLogsServiceRequest:
		_, err = collogs.NewLogsServiceClient(conn).Export(bounded(t), r)
	case *coltrace.ExportTraceServiceRequest:
		_, err = coltrace.NewTraceServiceClient(conn).Export(bounded(t), r)
	case *colmetrics.ExportMetricsServiceRequest:
		_, err = colmetrics.NewMetricsServiceClient(conn).Export(bounded(t), r)
	default:
		t.Fatalf("no OTLP request: %T", request)
	}
	require.NoError(t, err)
}

// sendHTTP sends an OTLP request to the OTLP receiver's HTTP port.
func sendHTTP(t *testing.T, c *Collector, request proto.Message) {
	t.Helper()
	path := map[proto.Message]string{
		(*collogs.ExportLogsServiceRequest)(nil):       "/v1/logs",
		(*coltrace.ExportTraceServiceRequest)(nil):     "/v1/traces",
		(*colmetrics.ExportMetricsServiceRequest)(nil): "/v1/metrics",
	}[zeroOf(request)]
	body, err := proto.Marshal(request)
	require.NoError(t, err)
	status, answer := post(t, "http://"+c.OTLPHTTP+path, "application/x-protobuf", body)
	require.Equal(t, http.StatusOK, status, "%s", answer)
}

// zeroOf returns the nil pointer of the message's type.
func zeroOf(m proto.Message) proto.Message {
	return m.ProtoReflect().Type().Zero().Interface()
}

func post(t *testing.T, url, contentType string, body []byte) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(bounded(t), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	return do(t, request)
}

func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(bounded(t), http.MethodGet, url, nil)
	require.NoError(t, err)
	return do(t, request)
}

func do(t *testing.T, request *http.Request) (int, []byte) {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, body
}

// tapioctl runs the command-line client against the collector and returns what
// it writes to its standard output.
func tapioctl(t *testing.T, c *Collector, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(bounded(t), binary(t, "TAPIOCTL_BIN", "tapioctl"), append([]string{"--server", c.GRPC}, args...)...)
	var problem bytes.Buffer
	cmd.Stderr = &problem
	out, err := cmd.Output()
	require.NoError(t, err, "tapioctl %v: %s", args, problem.String())
	return out
}
