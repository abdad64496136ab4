// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"
)

// service is what every process of the shop has.
type service struct {
	settings
	*telemetry // nil in what is not instrumented
	faults     faultSet
	cpu        cpuProfile
}

// RunService is one process of the shop: it reads its settings from the input,
// serves, obeys the commands that follow, and returns when the input ends.
func RunService(ctx context.Context, input io.Reader) error {
	lines := bufio.NewReader(input)
	first, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no settings on the input: %w", err)
	}
	s := &service{}
	if err := json.Unmarshal(first, &s.settings); err != nil {
		return fmt.Errorf("settings on the input: %w", err)
	}
	nameProcess(s.Service)
	for _, fault := range s.Faults {
		s.faults.set(fault, true)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		defer cancel()
		s.obey(lines)
	}()
	if !instrumented(s.Service) {
		return s.run(ctx)
	}
	if s.telemetry, err = newTelemetry(ctx, s.settings); err != nil {
		return err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		s.sendProfiles(ctx, s.resource)
	}()
	err = s.run(ctx)
	cancel()
	<-sent
	return errors.Join(err, s.stop()) //nolint:contextcheck // the context has ended; the last telemetry gets a second of its own
}

// obey carries out commands until the input ends.
func (s *service) obey(lines *bufio.Reader) {
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if word, fault, found := strings.Cut(strings.TrimSpace(line), " "); found {
			s.faults.set(fault, word == "on")
		}
	}
}

// run serves as the service of the settings until the context is done.
func (s *service) run(ctx context.Context) error {
	if s.Service == loadGenerator {
		return s.generateLoad(ctx)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Addresses[s.Service])
	if err != nil {
		return err
	}
	switch s.Service {
	case database:
		return s.serveDatabase(ctx, listener)
	case cache, queue:
		return serveKeys(ctx, listener)
	case bank:
		return s.serveHTTP(ctx, listener, s.bankRoutes())
	}
	routes, background, err := s.shopRoutes(ctx)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		background(ctx)
	}()
	err = s.serveHTTP(ctx, listener, routes)
	<-done
	return err
}

// faultSet has the faults that are active in this process.
type faultSet struct {
	mu    sync.RWMutex
	names map[string]bool
}

func (f *faultSet) set(name string, active bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.names == nil {
		f.names = map[string]bool{}
	}
	f.names[name] = active
}

func (f *faultSet) active(name string) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.names[name]
}

// around is a random duration, log-normally distributed as the time of real
// services is: half of them are shorter, one of 100 about twice as long.
func around(median time.Duration) time.Duration {
	const spread = 0.3
	return time.Duration(float64(median) * math.Exp(spread*rand.NormFloat64()))
}

// pause waits for the duration or until the context is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// work waits as for something that takes about the given time.
func work(ctx context.Context, median time.Duration) { pause(ctx, around(median)) }

// compute uses the CPU for the given time.
func compute(ctx context.Context, d time.Duration) {
	end := time.Now().Add(d)
	for x := 1.0; time.Now().Before(end) && ctx.Err() == nil; {
		for range 10_000 {
			x = math.Sqrt(x + 1)
		}
	}
}
