// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ebpfreceiver

import (
	"net/netip"
	"sync"

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
	quit    chan struct{}
	stops   []func()
	work    sync.WaitGroup
}

type sender struct {
	from netip.AddrPort
	of   senders.Service
	key  identity.Key
}

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
			var ok bool
			if one.key, ok = table.Sender(one.from); !ok || one.of.PID != 0 && !table.HasID(one.key, one.of.PID) {
				continue
			}
			select {
			case s.found <- one:
			case <-s.quit:
				return
			}
		}
	}
}

// tell gives the table what was found.
func (s *senderSearch) tell(table *identity.Table) {
	if s == nil {
		return
	}
	for {
		select {
		case one := <-s.found:
			table.Lookup(one.key, 0)
			table.Exports(one.key, identity.Declared{
				Name: one.of.Name, Namespace: one.of.Namespace, Version: one.of.Version, Instance: one.of.Instance,
			})
		default:
			return
		}
	}
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
