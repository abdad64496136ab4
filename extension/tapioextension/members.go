// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/internal/backend/federation"
	"github.com/tapio/tapio/internal/backend/remote"
	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/query"
)

// localMember is the name of the store of this server among the members.
const localMember = "local"

// queryShare is the part of the memory for queries that one may take, as in the store.
const queryShare = 4

// membership is the members of this server, and the connections to them. Only the
// goroutine that refreshes it uses it while that runs.
type membership struct {
	*tapioExtension
	reader *federation.Reader
	conns  map[string]*grpc.ClientConn
	known  map[string]federation.Member // by address
	failed map[string]error             // names that could not be looked up, with the cause
	names  map[string][]string          // addresses that were found, by name
	lookup func(ctx context.Context, host string) ([]string, error)
	// decodes bounds the profiles of members that are decoded at once.
	decodes chan struct{}
}

// maxDecodes is how many profiles of members are decoded at once.
const maxDecodes = 2

// id is the ID of this server among those that pass queries on: "" without members.
func (m *membership) id() string {
	if m == nil {
		return ""
	}
	return m.reader.ID
}

// openMembers sets the reader that all answers come from.
func (e *tapioExtension) openMembers(ctx context.Context, kept *heldStore) error {
	e.reader = e.store.Reader()
	if !e.cfg.Members.enabled() {
		return nil
	}
	m := &membership{
		tapioExtension: e, conns: map[string]*grpc.ClientConn{}, known: map[string]federation.Member{},
		failed: map[string]error{}, names: map[string][]string{}, lookup: net.DefaultResolver.LookupHost,
		decodes: make(chan struct{}, maxDecodes),
		reader: federation.New(federation.Options{
			ID: uuid.NewString(), Timeout: e.cfg.Members.Timeout, Calls: e.cfg.Members.MaxCalls, QueryMemory: int64(e.cfg.Store.QueryMemory) / queryShare,
			Panicked: e.panics.add, Now: time.Now,
		}),
	}
	if kept.federation != nil {
		m.reader.TakeOver(kept.federation)
	}
	kept.federation = m.reader
	e.members, e.reader = m, m.reader
	return m.connect(ctx)
}

// connect makes the members what is configured and known now.
func (m *membership) connect(ctx context.Context) error {
	addresses := slices.Clone(m.cfg.Members.Endpoints)
	for _, name := range m.cfg.Members.DNS {
		addresses = append(addresses, m.names[name]...)
	}
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	members := []federation.Member{{Name: localMember, Reader: m.store.Reader()}}
	for _, address := range addresses {
		member, known := m.known[address]
		if !known {
			conn, err := m.dial(ctx, address)
			if err != nil {
				return explained(address, err)
			}
			m.conns[address] = conn
			member = federation.Member{Name: address, Reader: m.remote(address, conn)}
			m.known[address] = member
		}
		members = append(members, member)
	}
	for _, name := range m.cfg.Members.DNS {
		if len(m.names[name]) == 0 { // answers must not look complete
			members = append(members, federation.Member{Name: name, Reader: m.remote(name, unresolved{name, m.failed[name]})})
		}
	}
	if refused := m.reader.SetMembers(members); len(refused) > 0 {
		m.set.Logger.Warn("there have been too many members since the start: restart to use the new ones", zap.Strings("members", refused))
	}
	for address, conn := range m.conns {
		if !slices.Contains(addresses, address) {
			delete(m.conns, address)
			delete(m.known, address)
			_ = conn.Close() // calls under way fail, and are reported
		}
	}
	return nil
}

// explained is the error of a connection that cannot be made as it is configured.
func explained(address string, err error) error {
	if strings.Contains(err.Error(), "require transport level security") {
		return fmt.Errorf("members::client: %w: credentials are sent over TLS only, set members::client::tls (insecure: false and ca_file)", err)
	}
	return fmt.Errorf("members: %s: %w", address, err)
}

func (m *membership) remote(name string, conn grpc.ClientConnInterface) query.Reader {
	return remote.New(conn, remote.Options{
		Name: name, QueryMemory: int64(m.cfg.Store.QueryMemory) / queryShare, Decodes: m.decodes, Panicked: m.panics.add, Now: time.Now,
	})
}

func (m *membership) dial(ctx context.Context, address string) (*grpc.ClientConn, error) {
	client := m.cfg.Members.Client
	client.Endpoint = "passthrough:///" + address // the addresses of a name are looked up here
	var options []configgrpc.ToClientConnOption
	for _, option := range calls.VisitedOptions(m.id()) {
		options = append(options, configgrpc.WithGrpcDialOption(option))
	}
	return client.ToClientConn(ctx, m.host.GetExtensions(), m.set.TelemetrySettings, options...)
}

// run looks the names up until the context ends.
func (m *membership) run(ctx context.Context) {
	ticker := time.NewTicker(m.cfg.Members.RefreshInterval)
	defer ticker.Stop()
	for {
		if m.resolve(ctx) {
			if err := m.connect(ctx); err != nil {
				m.set.Logger.Warn("failed to connect to members", zap.Error(err))
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// resolve looks the names up, and reports whether there is something new. What was
// found before stays in use while a name cannot be looked up.
func (m *membership) resolve(ctx context.Context) (changed bool) {
	for _, name := range m.cfg.Members.DNS {
		host, port, _ := net.SplitHostPort(name) // was validated
		looking, cancel := context.WithTimeout(ctx, m.cfg.Members.Timeout)
		found, err := m.lookup(looking, host)
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				m.set.Logger.Warn("failed to look up members", zap.String("name", name), zap.Error(err))
			}
			changed = changed || m.failed[name] == nil
			m.failed[name] = err
			continue
		}
		addresses := make([]string, len(found))
		for i, ip := range found {
			addresses[i] = net.JoinHostPort(ip, port)
		}
		slices.Sort(addresses)
		if m.failed[name] = nil; !slices.Equal(addresses, m.names[name]) {
			m.names[name], changed = addresses, true
			m.set.Logger.Info("members found", zap.String("name", name), zap.Strings("members", addresses))
		}
	}
	return changed
}

// start looks names up in the background.
func (m *membership) start(ctx context.Context) {
	if m == nil || len(m.cfg.Members.DNS) == 0 {
		return
	}
	m.work.Go(func() { panics.Restart(ctx.Done(), func() { m.run(ctx) }, m.panics.add) })
}

// close closes the connections, once nothing uses them any more.
func (m *membership) close() {
	if m == nil {
		return
	}
	for _, conn := range m.conns {
		_ = conn.Close() // nothing is lost
	}
}

// unresolved is the connection to a name that has no address.
type unresolved struct {
	name string
	err  error
}

func (u unresolved) fail() error {
	cause := u.err
	if cause == nil {
		cause = errors.New("it is being looked up")
	}
	return status.Errorf(codes.Unavailable, "%s has no address: %v", u.name, cause)
}

// Invoke implements grpc.ClientConnInterface.
func (u unresolved) Invoke(context.Context, string, any, any, ...grpc.CallOption) error {
	return u.fail()
}

// NewStream implements grpc.ClientConnInterface.
func (u unresolved) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, u.fail()
}
