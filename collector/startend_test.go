// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startHeld starts a collector of which the start waits until it is released, and
// returns the signals with which the process would exit.
func startHeld(t *testing.T, grace time.Duration) (c *testCollector, exits chan os.Signal) {
	t.Helper()
	c, exits = newTestCollector(t, "value: one, fail: wait"), make(chan os.Signal, 1)
	c.release = make(chan struct{})
	set := settings(c.events, c.release)
	set.ConfigProviderSettings.ResolverSettings.URIs = []string{c.path}
	s := newSupervisor(set)
	s.grace, s.exit = grace, func(s os.Signal) { exits <- s }
	go func() { c.done <- s.run(context.Background()) }()
	c.expect(t, "starting one")
	return c, exits
}

const waits = "received a signal during the start, ending when it is complete"

// Upstream subscribes to signals after the start. It would not receive this one.
func TestASignalDuringTheStartEndsTheCollectorInOrder(t *testing.T) {
	c, exits := startHeld(t, time.Hour)
	c.signal(t, syscall.SIGTERM)
	c.awaitLog(t, waits, 1)
	c.release <- struct{}{}
	c.expect(t, "started one", "stopped one")
	require.NoError(t, <-c.done)
	require.Empty(t, exits)
}

func TestASecondSignalDuringTheStartExits(t *testing.T) {
	c, exits := startHeld(t, time.Hour)
	c.signal(t, syscall.SIGTERM)
	c.awaitLog(t, waits, 1)
	c.signal(t, syscall.SIGTERM)
	require.Equal(t, syscall.SIGTERM, <-exits)
	c.release <- struct{}{}
	c.expect(t, "started one", "stopped one")
	require.NoError(t, <-c.done)
}

func TestAStartThatDoesNotCompleteAfterASignalExits(t *testing.T) {
	c, exits := startHeld(t, time.Millisecond)
	c.signal(t, syscall.SIGINT)
	require.Equal(t, syscall.SIGINT, <-exits)
	c.release <- struct{}{}
	c.expect(t, "started one", "stopped one")
	require.NoError(t, <-c.done)
}
