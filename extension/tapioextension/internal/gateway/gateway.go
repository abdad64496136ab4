// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package gateway serves the API as JSON over HTTP: it bounds bodies, turns requests into calls
// and answers as HTTP has it.
package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Options is what the gateway needs. All fields but Links are required.
type Options struct {
	Calls  *calls.Calls
	Bodies *admission.Room // of requests, while they are decoded and answered
	// MaxBodyBytes bounds a request, and each message of a stream.
	MaxBodyBytes  int
	Name, Version string
	Started       time.Time
	// Links are what the front page names besides the API.
	Links []Link
}

// Gateway is what the requests over HTTP share.
type Gateway struct{ Options }

// New serves nothing by itself.
func New(options Options) *Gateway { return &Gateway{Options: options} }

// Handler serves the services as JSON by calling conn. Streams are lines
// of JSON; GET /openapi.json describes it all.
func (g *Gateway) Handler(ctx context.Context, conn *grpc.ClientConn) (http.Handler, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &gatewayJSON{}),
		runtime.WithRoutingErrorHandler(routingError),
		runtime.WithErrorHandler(httpError),
		runtime.WithForwardResponseOption(healthCode),
		runtime.SetQueryParameterParser(strictQuery{}),
		runtime.WithMetadata(g.Calls.Guard.Relayed))
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		tapiov1.RegisterTapioServiceHandler,
		tapiov1.RegisterCollectorServiceHandler,
		tapiov1.RegisterObservabilityServiceHandler,
		tapiov1.RegisterOperationsServiceHandler,
	} {
		if err := register(context.WithoutCancel(ctx), mux, conn); err != nil {
			return nil, err
		}
	}
	page, err := g.serveFrontPage()
	if err != nil {
		return nil, err
	}
	root := http.NewServeMux()
	root.Handle("/", g.uploadsBefore(headAsGet(requireJSON(untilGone(g.streamRequests(mux)))), tapiov1.NewObservabilityServiceClient(conn)))
	root.HandleFunc("GET /openapi.json", serveOpenAPI)
	root.Handle("GET /{$}", page)
	return compressed(root)
}

// healthCode answers 503 to a health check while the server does not serve, such as
// before all receivers have started, so that who looks at the code alone waits.
func healthCode(_ context.Context, w http.ResponseWriter, answer proto.Message) error {
	if health, ok := answer.(*tapiov1.HealthCheckResponse); ok && health.GetStatus() == tapiov1.HealthCheckResponse_STATUS_NOT_SERVING {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	return nil
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, tapiov1.OpenAPI()) // the client is gone if this fails
}

// routingError answers a wrong method as HTTP has it, with 405.
func routingError(
	ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int,
) {
	if code != http.StatusMethodNotAllowed {
		runtime.DefaultRoutingErrorHandler(ctx, mux, m, w, r, code)
		return
	}
	err := status.Errorf(codes.Unimplemented, "%s does not take %s: /openapi.json lists what it takes", r.URL.Path, r.Method)
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, &runtime.HTTPStatusError{HTTPStatus: code, Err: err})
}

// strictQuery refuses parameters that name no field: a condition that is
// mistyped must not be left out in silence.
type strictQuery struct{ runtime.DefaultQueryParser }

// Parse implements runtime.QueryParameterParser.
func (q strictQuery) Parse(m proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	for key := range values {
		if !isField(m.ProtoReflect().Descriptor(), strings.Split(key, ".")) {
			return model.InvalidField(key, "is an unknown field in %s: remove it or correct its spelling", m.ProtoReflect().Descriptor().FullName())
		}
	}
	return q.DefaultQueryParser.Parse(m, values, filter)
}

// isField reports whether the path leads to a field. Keys of maps are not
// looked at.
func isField(message protoreflect.MessageDescriptor, path []string) bool {
	name, _, isMap := strings.Cut(path[0], "[")
	field := message.Fields().ByTextName(name)
	if field == nil {
		field = message.Fields().ByJSONName(name)
	}
	if field == nil || len(path) == 1 || isMap {
		return field != nil
	}
	return field.Message() != nil && isField(field.Message(), path[1:])
}

// gatewayJSON makes the gateway speak the JSON of internal/protoconv, in which trace
// and span ids are hex as in OTLP/JSON.
type gatewayJSON struct{ protoconv.JSON }

// ContentType implements runtime.Marshaler.
func (*gatewayJSON) ContentType(any) string { return "application/json" }

// Delimiter implements runtime.Delimited.
func (*gatewayJSON) Delimiter() []byte { return []byte("\n") }

// Marshal implements runtime.Marshaler. What is not a message is the gateway's
// own envelope of a stream, {"result": ...} or {"error": ...}.
func (j *gatewayJSON) Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case proto.Message:
		return j.JSON.Marshal(v)
	case map[string]any:
		return j.marshalEnvelope(v)
	case map[string]proto.Message:
		envelope := make(map[string]any, len(v))
		for key, value := range v {
			envelope[key] = value
		}
		return j.marshalEnvelope(envelope)
	default:
		return json.Marshal(v)
	}
}

func (j *gatewayJSON) marshalEnvelope(envelope map[string]any) ([]byte, error) {
	fields := make(map[string]json.RawMessage, len(envelope))
	for key, value := range envelope {
		text, err := j.Marshal(value)
		if err != nil {
			return nil, err
		}
		fields[key] = text
	}
	return json.Marshal(fields)
}

// Unmarshal implements runtime.Marshaler.
func (j *gatewayJSON) Unmarshal(data []byte, v any) error {
	if m, ok := v.(proto.Message); ok {
		return j.JSON.Unmarshal(data, m)
	}
	return json.Unmarshal(data, v)
}

// NewDecoder implements runtime.Marshaler: one JSON value a message.
func (j *gatewayJSON) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(j.decodeRequests(r))
}

// NewEncoder implements runtime.Marshaler.
func (j *gatewayJSON) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		text, err := j.Marshal(v)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", text)
		return err
	})
}
