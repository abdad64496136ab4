// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package senders remembers which service exports telemetry over which connection, for
// those who can find the process at its other end.
package senders

import (
	"context"
	"net/netip"
	"sync"
)

// Service is what the resource of an export says of its service.
type Service struct {
	Name, Namespace, Version, Instance string
	// PID is 0 where the resource does not have it.
	PID int64
	// Certain reports that an SDK made the resource, or that it names its process. Other
	// resources must be seen twice, because a program may send them for another one.
	Certain bool
}

// observed is the service that a connection exported last, and how often it was
// reported to the watchers.
type observed struct {
	name    string
	times   int
	certain bool
}

// repeats is how often an export that is not certain is reported.
const repeats = 2

type addressKey struct{}

// With returns a context of a request that came from that address.
func With(ctx context.Context, address netip.AddrPort) context.Context {
	return context.WithValue(ctx, addressKey{}, address)
}

// From returns the address that With was given.
func From(ctx context.Context) (address netip.AddrPort, ok bool) {
	address, ok = ctx.Value(addressKey{}).(netip.AddrPort)
	return address, ok
}

// maxConnections bounds what is remembered to some 1 MB. Those that are forgotten are
// observed again.
const maxConnections = 4096

// Registry is safe for concurrent use.
type Registry struct {
	mu       sync.Mutex
	known    map[netip.AddrPort]observed
	watchers map[int]func(netip.AddrPort, Service) bool
	next     int
}

// New returns an empty one.
func New() *Registry {
	return &Registry{known: map[netip.AddrPort]observed{}, watchers: map[int]func(netip.AddrPort, Service) bool{}}
}

// Watch has the function called for each service that a connection begins to export. It
// must not block; false says that it could not take it, and lets it be called again. The
// registry must not be called from it.
func (r *Registry) Watch(on func(netip.AddrPort, Service) bool) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := r.next
	r.next++
	r.watchers[id] = on
	clear(r.known)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, id)
	}
}

// Observe takes in an export. It does nothing while there is no watcher.
func (r *Registry) Observe(address netip.AddrPort, of Service) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.known[address]
	if before.name != of.Name {
		before = observed{name: of.Name}
	}
	if len(r.watchers) == 0 || before.certain || !of.Certain && before.times >= repeats {
		return
	}
	taken := true
	for _, on := range r.watchers {
		taken = on(address, of) && taken
	}
	if !taken {
		return
	}
	if len(r.known) >= maxConnections {
		clear(r.known)
	}
	before.times, before.certain = before.times+1, of.Certain
	r.known[address] = before
}
