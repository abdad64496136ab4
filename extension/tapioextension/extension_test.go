// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/tapio/tapio/extension/tapioextension/internal/metadata"
	"github.com/tapio/tapio/internal/model"
)

func newTestExtension(t *testing.T, change func(*Config)) *tapioExtension {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	cfg.GRPC.NetAddr.Endpoint = "localhost:0"
	cfg.HTTP.Get().NetAddr.Endpoint = "localhost:0"
	if change != nil {
		change(cfg)
	}
	set := extensiontest.NewNopSettings(metadata.Type)
	e, err := newFactory(newStoreKeeper()).Create(t.Context(), set, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e.(*tapioExtension)
}

func started(t *testing.T, change func(*Config)) *tapioExtension {
	t.Helper()
	e := newTestExtension(t, change)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, e.Ready())
	return e
}

func TestShutdownTwiceAndWithoutStart(t *testing.T) {
	e := newTestExtension(t, nil)
	require.NoError(t, e.Shutdown(t.Context()))
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, e.NotReady())
	require.NoError(t, e.Shutdown(t.Context()))
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestTakenPortNamesTheKey(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()

	grpc := newTestExtension(t, func(c *Config) { c.GRPC.NetAddr.Endpoint = taken.Addr().String() })
	require.ErrorContains(t, grpc.Start(t.Context(), componenttest.NewNopHost()), "grpc::endpoint: listen tcp")
	http := newTestExtension(t, func(c *Config) { c.HTTP.Get().NetAddr.Endpoint = taken.Addr().String() })
	err = http.Start(t.Context(), componenttest.NewNopHost())
	require.ErrorContains(t, err, "http::endpoint: listen tcp")
	assert.ErrorContains(t, err, "free port")
}

func TestOneExporterFillsTheStore(t *testing.T) {
	e := started(t, nil)
	first, err := e.ClaimStore(component.MustNewID("tapio"))
	require.NoError(t, err)
	second, err := e.ClaimStore(component.MustNewID("tapio"))
	require.NoError(t, err, "one instance a signal")
	other := component.MustNewIDWithName("tapio", "other")
	_, err = e.ClaimStore(other)
	require.ErrorContains(t, err, `filled by the exporter "tapio"`)
	assert.ErrorContains(t, err, "extension: tapio/2")

	first.Release()
	first.Release() // releases once
	_, err = e.ClaimStore(other)
	require.Error(t, err)
	second.Release()
	_, err = e.ClaimStore(other)
	require.NoError(t, err)
}

type nopSink struct{}

func (nopSink) WriteEvents(context.Context, []model.Event) error  { return nil }
func (nopSink) WritePayload(context.Context, []byte) (int, error) { return 0, nil }

func TestOneReceiverTakesTheEvents(t *testing.T) {
	e := started(t, nil)
	detach, err := e.AttachEvents(component.MustNewID("tapio"), nopSink{})
	require.NoError(t, err)
	_, err = e.AttachEvents(component.MustNewIDWithName("tapio", "b"), nopSink{})
	require.ErrorContains(t, err, `through the receiver "tapio" already`)
	detach()
	_, err = e.AttachEvents(component.MustNewIDWithName("tapio", "b"), nopSink{})
	require.NoError(t, err)
}

func TestNotStartedSaysSo(t *testing.T) {
	e := newTestExtension(t, nil)
	_, err := e.ClaimStore(component.MustNewID("tapio"))
	require.ErrorContains(t, err, "service::extensions")
	_, err = e.AttachEvents(component.MustNewID("tapio"), nopSink{})
	require.ErrorContains(t, err, "service::extensions")
}

func TestServerStoppedBeforeItServesIsNoFault(t *testing.T) {
	e := newTestExtension(t, nil)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	for _, s := range e.servers {
		s.stop(t.Context())
		require.NoError(t, s.serve())
	}
}
