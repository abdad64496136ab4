// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/senders"
)

// connecting is a server that keeps a connection to the address that it is given.
const connecting = `
import socket, sys
export = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
` + webProgram

type registryHost struct{ registry *senders.Registry }

func (h registryHost) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{component.MustNewID("registry"): registryExtension(h)}
}

type registryExtension struct{ registry *senders.Registry }

func (registryExtension) Start(context.Context, component.Host) error { return nil }
func (registryExtension) Shutdown(context.Context) error              { return nil }
func (e registryExtension) Senders() *senders.Registry                { return e.registry }

// A program that names its service in its code has that name once it exports, unless it
// exports those of others.
func TestAServiceIsNamedByWhatItExports(t *testing.T) {
	registry := senders.New()
	s := onThisKernelWith(t, registryHost{registry}, onlyHTTP)
	collector, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer collector.Close()
	program := script(t, "exports.py", connecting)
	export := func() (service, netip.AddrPort) {
		of := runService(t, nil, "python3", program, strings.TrimPrefix(collector.Addr().String(), "127.0.0.1:"))
		conn, err := collector.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return of, conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	}
	web, from := export()
	forwarder, passes := export()
	wrong, lies := export()
	registry.Observe(from, senders.Service{Name: "web", Instance: "w-1", PID: int64(web.pid), Certain: true})
	registry.Observe(lies, senders.Service{Name: "web", PID: 1, Certain: true})
	registry.Observe(passes, senders.Service{Name: "web", Certain: true})
	s.namedBy(t, forwarder, "web")
	registry.Observe(passes, senders.Service{Name: "cart", Certain: true})
	s.namedBy(t, forwarder, "exports.py")
	assert.Equal(t, "w-1", s.namedBy(t, web, "web")["service.instance.id"])
	s.namedBy(t, wrong, "exports.py") // the resource is that of another process
}

// namedBy asks the service until its spans have that name.
func (s *seen) namedBy(t *testing.T, of service, name string) (resource map[string]any) {
	t.Helper()
	require.Eventually(t, func() bool {
		if response, err := http.Get(of.url + "/export"); err == nil {
			_ = response.Body.Close()
		}
		s.eachSpan(func(r pcommon.Resource, span ptrace.Span) {
			if pid, _ := r.Attributes().Get("process.pid"); span.Kind() == ptrace.SpanKindServer && pid.Int() == int64(of.pid) {
				resource = r.Attributes().AsRaw()
			}
		})
		return resource["service.name"] == name
	}, 20*time.Second, 100*time.Millisecond)
	return resource
}
