// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// Options are those of a shop.
type Options struct {
	// Program and Child start one service: the path of this program, and the
	// arguments that make it call [RunService].
	Program string
	Child   []string
	// Environment is added to that of each process.
	Environment []string
	// OTLP is the URL of the OTLP/HTTP endpoint that telemetry goes to.
	OTLP string
	// Rate is the number of requests that visitors make each second, above 0 and at
	// most [MaxRate].
	Rate float64
	// Report receives each line about what happens in the shop. Several goroutines
	// call it.
	Report func(line string)
}

// MaxRate bounds [Options.Rate], so that the demo never loads a machine.
const MaxRate = 100

const (
	startLimit = 20 * time.Second
	// restartDelay is how long a service that ended by itself stays away.
	restartDelay = 3 * time.Second
)

// Shop is a running shop. Its methods may be called by several goroutines.
type Shop struct {
	options   Options
	addresses map[string]string
	ctx       context.Context
	cancel    context.CancelFunc
	keepers   sync.WaitGroup

	mu      sync.Mutex
	members map[string]*member
	active  map[string]bool // faults by name
}

// member is one service of the shop with the process that runs it now.
type member struct {
	settings settings
	process  *process      // nil while none runs
	held     bool          // by a fault: not to be started
	changed  chan struct{} // to be started at once
}

// Start starts every process of the shop. The shop runs until the context is done
// and Stop is called, which the caller must in any case.
func Start(ctx context.Context, options Options) (*Shop, error) {
	addresses, err := freeAddresses(processes())
	if err != nil {
		return nil, err
	}
	s := &Shop{options: options, addresses: addresses, members: map[string]*member{}, active: map[string]bool{}}
	s.ctx, s.cancel = context.WithCancel(ctx)
	for _, service := range processes() {
		if err := s.add(service); err != nil { //nolint:contextcheck // the context of the shop is derived from this one
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

// Stop ends every process of the shop and returns when they have ended.
func (s *Shop) Stop() {
	s.cancel()
	s.keepers.Wait()
}

// Size is the number of processes.
func (s *Shop) Size() int { return len(s.members) }

// URL is the address of the shop itself.
func (s *Shop) URL() string { return "http://" + s.addresses[storefront] + "/products" }

func (s *Shop) add(service string) error {
	m := &member{
		settings: settings{
			Service: service, Version: release, OTLP: s.options.OTLP, Addresses: s.addresses, Rate: s.options.Rate,
		},
		changed: make(chan struct{}, 1),
	}
	p, err := s.options.start(m.settings)
	if err != nil {
		return err
	}
	m.process, s.members[service] = p, m
	s.keepers.Go(func() { s.keep(m) })
	return s.ready(service, p)
}

// ready waits until the service accepts connections.
func (s *Shop) ready(service string, p *process) error {
	if service == loadGenerator {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ctx, startLimit)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.addresses[service])
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended at its start: %s", service, p.reason())
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen at %s: %w", service, s.addresses[service], err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// keep starts the member's process again whenever it has ended, as a container
// platform would, until the shop stops.
func (s *Shop) keep(m *member) {
	for {
		if p := s.running(m); p != nil {
			if p.wait(s.ctx) != nil {
				p.stop()
				return
			}
		}
		select {
		case <-s.ctx.Done():
			return
		case <-m.changed:
		case <-time.After(s.notice(m)):
		}
		if err := s.startAgain(m); err != nil {
			s.options.Report(err.Error())
		}
	}
}

func (s *Shop) running(m *member) *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return m.process
}

// notice reports a process that ended by itself and returns when to start it
// again.
func (s *Shop) notice(m *member) time.Duration {
	s.mu.Lock()
	p, held, replaced := m.process, m.held, len(m.changed) > 0
	s.mu.Unlock()
	if p != nil && !held && !replaced {
		s.options.Report(fmt.Sprintf("%s ended (%s); it starts again in %v", m.settings.Service, p.reason(), restartDelay))
	}
	return restartDelay
}

// startAgain starts the member's process unless a fault holds it back.
func (s *Shop) startAgain(m *member) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.process = nil
	if m.held || s.ctx.Err() != nil {
		return nil
	}
	var err error
	m.process, err = s.options.start(m.settings)
	return err
}

// Active reports whether a fault is on.
func (s *Shop) Active(f Fault) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active[f.Name]
}

// Toggle turns a fault on or off and returns whether it is on now.
func (s *Shop) Toggle(f Fault) (on bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	on = !s.active[f.Name]
	s.active[f.Name] = on
	return on, s.bringAbout(f, on)
}

// bringAbout starts or ends a fault. The caller holds the lock.
func (s *Shop) bringAbout(f Fault, on bool) error {
	m := s.members[f.service]
	word := "off "
	m.settings.Faults = slices.DeleteFunc(slices.Clone(m.settings.Faults), func(name string) bool { return name == f.Name })
	if on {
		word = "on "
		m.settings.Faults = append(m.settings.Faults, f.Name)
	}
	switch f.how {
	case switched:
		if m.process == nil || m.process.ended() {
			return nil // it starts with its settings
		}
		return m.process.command(word + f.Name)
	case released:
		m.settings.Version = release
		if on {
			m.settings.Version = badRelease
		}
	case stopped:
		m.held = on
	}
	m.replace()
	return nil
}

// replace ends the member's process, if any, and has its keeper start it at once.
// The caller holds the lock.
func (m *member) replace() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
	if m.process != nil {
		_ = m.process.input.Close() // an error means that it has ended
	}
}

// freeAddresses finds a free port on loopback for each name.
func freeAddresses(names []string) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range names {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		// All stay open until each has one, or the system would assign one twice.
		defer func() { _ = listener.Close() }()
		found[name] = listener.Addr().String()
	}
	return found, nil
}
