// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/wire"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Gateway serves the same services as JSON by calling conn. Streams are lines
// of JSON; GET /openapi.json describes it all.
func (s *Server) Gateway(ctx context.Context, conn *grpc.ClientConn) (http.Handler, error) {
	mux := runtime.NewServeMux(runtime.WithMarshalerOption(runtime.MIMEWildcard, &gatewayJSON{}))
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		tapiov1.RegisterTapioServiceHandler,
		tapiov1.RegisterCollectorServiceHandler,
		tapiov1.RegisterObservabilityServiceHandler,
	} {
		if err := register(context.WithoutCancel(ctx), mux, conn); err != nil {
			return nil, err
		}
	}
	root := http.NewServeMux()
	root.Handle("/", mux)
	root.HandleFunc("GET /openapi.json", serveOpenAPI)
	return root, nil
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, tapiov1.OpenAPI()) // the client is gone if this fails
}

// gatewayJSON makes the gateway speak the JSON of internal/wire, in which trace
// and span ids are hex as in OTLP/JSON.
type gatewayJSON struct{ wire.JSON }

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
	values := json.NewDecoder(r)
	return runtime.DecoderFunc(func(v any) error {
		var value json.RawMessage
		if err := values.Decode(&value); err != nil {
			return err
		}
		return j.Unmarshal(value, v)
	})
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
