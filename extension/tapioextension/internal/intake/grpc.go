// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"context"
	"reflect"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"
)

// ServerOptions make a gRPC server of OTLP hold room for each request before it
// decodes it, until the call ends.
//
// Only the codec sees a request before it is decoded, but not whose call it is;
// the statistics see both, right after. So the codec leaves under the message what
// it holds, and the statistics fetch it. A codec's error has a code of its own in
// gRPC, so that a refused request stays empty and the interceptor reports why.
func (a *Admission) ServerOptions() []grpc.ServerOption {
	c := &calls{admission: a}
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(&weighingCodec{CodecV2: encoding.GetCodecV2(protocodec.Name), calls: c}),
		grpc.StatsHandler(c),
		grpc.ChainUnaryInterceptor(c.intercept),
	}
}

// calls is what requests hold.
type calls struct {
	admission *Admission
	decoded   sync.Map // *held by message, between codec and statistics
}

// held is what one call holds, or why it is refused.
type held struct {
	leave  func()
	denied error
	signal string // "" if the call is none of OTLP
}

type heldKey struct{}

// weighingCodec is the server's codec, but weighs before it decodes.
type weighingCodec struct {
	encoding.CodecV2
	calls *calls
}

// Unmarshal implements encoding.CodecV2.
func (c *weighingCodec) Unmarshal(data mem.BufferSlice, message any) error {
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	leave, err := c.calls.admission.export(context.Background(), nameOf(message), buffer.ReadOnlyData())
	if err != nil {
		c.calls.decoded.Store(message, &held{denied: err})
		return nil
	}
	if err := c.CodecV2.Unmarshal(mem.BufferSlice{buffer}, message); err != nil {
		leave()
		return err
	}
	c.calls.decoded.Store(message, &held{leave: leave})
	return nil
}

func nameOf(message any) string {
	kind := reflect.TypeOf(message)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind.Name()
}

// TagRPC implements stats.Handler.
func (*calls) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, heldKey{}, &held{signal: signalOf(info.FullMethodName)})
}

// signalOf reads the signal from a method, for example
// /opentelemetry.proto.collector.logs.v1.LogsService/Export.
func signalOf(method string) string {
	rest, found := strings.CutPrefix(method, "/opentelemetry.proto.collector.")
	if !found {
		return ""
	}
	signal, _, _ := strings.Cut(rest, ".")
	return signalNamed(signal)
}

// signalNamed keeps what a sender names from becoming an attribute.
func signalNamed(name string) string {
	for _, signal := range []string{"logs", "metrics", "profiles"} {
		if name == signal {
			return signal
		}
	}
	if name == "trace" || name == "traces" {
		return "traces"
	}
	return ""
}

// HandleRPC implements stats.Handler.
func (c *calls) HandleRPC(ctx context.Context, event stats.RPCStats) {
	call, ok := ctx.Value(heldKey{}).(*held)
	if !ok {
		return
	}
	switch e := event.(type) {
	case *stats.InPayload:
		if found, ok := c.decoded.LoadAndDelete(e.Payload); ok {
			held := found.(*held)
			call.leave, call.denied = held.leave, held.denied
		}
	case *stats.End:
		if call.leave != nil {
			call.leave()
		}
		if call.signal != "" {
			c.admission.took(call.signal, "grpc", e.EndTime.Sub(e.BeginTime))
		}
	}
}

// TagConn implements stats.Handler.
func (*calls) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (*calls) HandleConn(context.Context, stats.ConnStats) {}

func (*calls) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if call, ok := ctx.Value(heldKey{}).(*held); ok && call.denied != nil {
		return nil, call.denied
	}
	return handle(ctx, request)
}
