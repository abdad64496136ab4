// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

func TestMembersConfig(t *testing.T) {
	for problem, change := range map[string]func(*MembersConfig){
		`endpoints[0]: "node" is no address: write host:port`:        func(c *MembersConfig) { c.Endpoints = []string{"node"} },
		`dns[0]: ":4417" is no address`:                              func(c *MembersConfig) { c.DNS = []string{":4417"} },
		`endpoints[1]: "a:1" is listed twice`:                        func(c *MembersConfig) { c.Endpoints = []string{"a:1", "a:1"} },
		`refresh_interval: must be 1s or more, is 1ms`:               func(c *MembersConfig) { c.RefreshInterval = time.Millisecond },
		`timeout: must be 10ms or more, is 5ns`:                      func(c *MembersConfig) { c.Timeout = 5 },
		`max_calls: must be 1 or more, is 0`:                         func(c *MembersConfig) { c.MaxCalls = 0 },
		`client::endpoint: must be empty, is "b:2": name members in`: func(c *MembersConfig) { c.Client.Endpoint = "b:2" },
	} {
		cfg := defaultMembers()
		require.NoError(t, cfg.Validate())
		change(&cfg)
		require.ErrorContains(t, cfg.Validate(), problem)
	}
	require.False(t, new(MembersConfig).enabled())
}

// newMembership makes a membership whose names are looked up by a function.
func newMembership(t *testing.T, lookup func(context.Context, string) ([]string, error)) *membership {
	cfg := createDefaultConfig().(*Config)
	cfg.Members.DNS = []string{"agents.example:4417"}
	e := &tapioExtension{cfg: cfg, host: componenttest.NewNopHost(), store: newServedStore(t).Store, panics: panicLog{logger: zap.NewNop()}}
	e.set.TelemetrySettings = componenttest.NewNopTelemetrySettings()
	m := &membership{
		tapioExtension: e, conns: map[string]*grpc.ClientConn{}, known: map[string]federation.Member{},
		failed: map[string]error{}, names: map[string][]string{}, lookup: lookup,
		reader: federation.New(federation.Options{Timeout: time.Second, Calls: 1, QueryMemory: 1 << 20, Panicked: e.panics.add, Now: time.Now}),
	}
	t.Cleanup(m.close)
	return m
}

// The members of a name come and go with its addresses. Those that were found stay in
// use while it cannot be looked up, and an answer says if none ever was.
func TestMembersOfAName(t *testing.T) {
	var addresses []string
	errLookup := errors.New("no such host")
	failing := true
	m := newMembership(t, func(context.Context, string) ([]string, error) {
		if failing {
			return nil, errLookup
		}
		return addresses, nil
	})
	require.True(t, m.resolve(t.Context()))
	require.NoError(t, m.connect(t.Context()))
	ctx, notes := query.WithNotes(t.Context())
	_, err := m.reader.QueryEvents(ctx, model.EventQuery{Paging: model.Paging{Limit: 1}})
	require.NoError(t, err)
	require.Len(t, notes.List(), 1)
	require.Equal(t, "agents.example:4417", notes.List()[0].Source)
	require.Contains(t, notes.List()[0].Message, "no such host")

	failing, addresses = false, []string{"127.0.0.2", "127.0.0.1"}
	require.True(t, m.resolve(t.Context()))
	require.NoError(t, m.connect(t.Context()))
	require.Len(t, m.conns, 2)
	first := m.conns["127.0.0.1:4417"]
	require.NotNil(t, first)
	require.False(t, m.resolve(t.Context()), "nothing new")

	addresses = []string{"127.0.0.1", "::1"}
	require.True(t, m.resolve(t.Context()))
	require.NoError(t, m.connect(t.Context()))
	require.Len(t, m.conns, 2)
	require.Same(t, first, m.conns["127.0.0.1:4417"], "a connection that is still needed stays")
	require.Contains(t, m.conns, "[::1]:4417")

	failing = true
	m.resolve(t.Context())
	require.NoError(t, m.connect(t.Context()))
	require.Len(t, m.conns, 2, "members that were found stay in use")
}
