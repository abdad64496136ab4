// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/senders"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

// senderRegistry is an extension that knows which service exports over which connection.
type senderRegistry interface {
	Senders() *senders.Registry
}

// maxPending bounds exports that wait for their process to be found, and those found.
const maxPending = 256

// senderSearch finds the processes of exports. It reads /proc, which the goroutine that
// reads the ring buffer has no time for.
type senderSearch struct {
	pending chan sender
	found   chan sender
	// late are those of which the connection was not found; who reads the ring buffer may
	// know it.
	late  []sender
	quit  chan struct{}
	stops []func()
	work  sync.WaitGroup
}

type sender struct {
	from netip.AddrPort
	of   senders.Service
	key  identity.Key // none if /proc does not have the connection, or no longer
	at   time.Time
}

// patience is how long the kernel may take to report a request that was stored already.
const patience = 2 * time.Second

// newSenderSearch watches all extensions that know senders.
func newSenderSearch(host component.Host, onPanic func(error)) *senderSearch {
	s := &senderSearch{pending: make(chan sender, maxPending), found: make(chan sender, maxPending), quit: make(chan struct{})}
	for _, extension := range host.GetExtensions() {
		registry, ok := extension.(senderRegistry)
		if !ok {
			continue
		}
		s.stops = append(s.stops, registry.Senders().Watch(func(from netip.AddrPort, of senders.Service) bool {
			select {
			case s.pending <- sender{from: from, of: of}:
				return true
			default:
				return false // it comes again with the next export
			}
		}))
	}
	if len(s.stops) > 0 {
		s.work.Go(func() { panics.Restart(s.quit, s.run, onPanic) })
	}
	return s
}

func (s *senderSearch) run() {
	table := identity.NewTable("/proc")
	for {
		select {
		case <-s.quit:
			return
		case one := <-s.pending:
			one.at = time.Now()
			one.key, _ = table.Sender(one.from)
			select {
			case s.found <- one:
			case <-s.quit:
				return
			}
		}
	}
}

// apply gives the table what was found.
func (s *senderSearch) report(table *identity.Table) {
	if s == nil {
		return
	}
	s.late = slices.DeleteFunc(s.late, func(one sender) bool {
		key, ok := table.Exporter(one.from, one.at)
		if ok {
			one.apply(key, table)
		}
		return ok || time.Since(one.at) > patience
	})
	for {
		select {
		case one := <-s.found:
			switch {
			case one.key != identity.Key{}:
				one.apply(one.key, table)
			case len(s.late) < maxPending:
				s.late = append(s.late, one) // looked at with the next records
			}
		default:
			return
		}
	}
}

// apply gives the table the service of a process, unless its resource is that of another.
func (s *sender) apply(key identity.Key, table *identity.Table) {
	table.Lookup(key, 0)
	if s.of.PID != 0 && !table.HasID(key, s.of.PID) {
		return
	}
	table.Exports(key, identity.Declared{
		Name: s.of.Name, Namespace: s.of.Namespace, Version: s.of.Version, Instance: s.of.Instance,
	}, s.of.Certain)
}

func (s *senderSearch) stop() {
	if s == nil {
		return
	}
	for _, stop := range s.stops {
		stop()
	}
	close(s.quit)
	s.work.Wait()
}
