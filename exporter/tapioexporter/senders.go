// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"context"
	"net"
	"net/netip"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/senders"
)

// senderRegistry is an extension that wants to know which service exports over which
// connection.
type senderRegistry interface {
	Senders() *senders.Registry
}

// senderOf is the address that a request came from: over HTTP the middleware of the
// extension knows its port.
func (e *tapioExporter) senderOf(ctx context.Context) (netip.AddrPort, bool) {
	if e.senders == nil {
		return netip.AddrPort{}, false
	}
	if address, ok := senders.From(ctx); ok {
		return address, true
	}
	tcp, ok := client.FromContext(ctx).Addr.(*net.TCPAddr)
	if !ok || tcp.Port == 0 {
		return netip.AddrPort{}, false
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port()), true
}

// observeSender notes the service of a resource. Logs of which it is not certain who
// made them are left out: agents forward those of others. Where the records came through
// a queue or a batch, the sender is not known.
func (e *tapioExporter) observeSender(sender netip.AddrPort, resource pcommon.Resource, logs bool) {
	attributes := resource.Attributes()
	_, hasSDK := attributes.Get(semconv.TelemetrySDKName)
	text := func(key string) string {
		value, _ := attributes.Get(key)
		return value.Str()
	}
	of := senders.Service{
		Name: text(semconv.ServiceName), Namespace: text(semconv.ServiceNamespace), Version: text(semconv.ServiceVersion), Instance: text(semconv.ServiceInstanceID),
	}
	if pid, ok := attributes.Get(semconv.ProcessPID); ok {
		of.PID = pid.Int()
	}
	of.Certain = hasSDK || of.PID != 0
	if of.Name != "" && (of.Certain || !logs) {
		e.senders.Observe(sender, of)
	}
}
