//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// needsAll skips what takes longer than every run of the tests may.
func needsAll(t *testing.T) {
	t.Helper()
	needs(t)
	if os.Getenv("TAPIO_SCENARIOS") != "all" {
		t.Skip("runs in make nightly, or with TAPIO_SCENARIOS=all")
	}
}

// moreScenarios are further ways in which one service breaks.
func moreScenarios() map[string]scenario {
	return map[string]scenario{
		"failing": {
			fault: func(t *testing.T, l *live) { l.command(t, "payment", "fail") },
			cause: "payment", says: []string{"failing-payment", "fail"},
		},
		"slow": {
			fault: func(t *testing.T, l *live) { l.command(t, "payment", "slow 300ms") },
			cause: "payment", says: []string{"slow-payment", "slow"},
		},
		"replica": {
			orders:  []string{"-calls", "http://127.0.0.1:8003/pay,http://127.0.0.1:8004/pay"},
			prepare: func(t *testing.T, l *live) { l.startReplica(t) },
			fault:   func(t *testing.T, l *live) { l.command(t, "payment", "fail") }, // one of the two
			cause:   "payment", says: []string{"replica-payment", "fail"},
		},
	}
}

// startReplica starts a second process of payment, with a name of its own among what was started.
func (l *live) startReplica(t *testing.T) {
	t.Helper()
	l.start(t, "payment", true, "-listen", "127.0.0.1:8004")
}

func TestTheKernelNamesFurtherCauses(t *testing.T) {
	needsAll(t)
	haveHost(t)
	for name, s := range moreScenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLive(t, name, &s)
			l.wait(t, settled)
			require.Empty(t, l.groups(t), "nothing is broken yet")
			s.fault(t, l)
			l.await(t, name+"-"+s.cause, s.says)
			require.LessOrEqual(t, len(l.incidents(t)), 1, "incidents of one fault")
		})
	}
}

func (l *live) incidents(t *testing.T) []*tapiov1.SemanticGroup {
	t.Helper()
	return slices.DeleteFunc(l.groups(t), func(g *tapiov1.SemanticGroup) bool { return g.GetKind() != tapiov1.SemanticGroup_KIND_INCIDENT })
}

// Two faults are two incidents, whether one begins while the other goes on or after it.
func TestTwoFaultsAreTwoIncidentsOnTheKernel(t *testing.T) {
	needsAll(t)
	haveHost(t)
	for name, between := range map[string]func(t *testing.T, l *live){
		"overlap": func(t *testing.T, l *live) { l.wait(t, 20*time.Second) },
		"sequence": func(t *testing.T, l *live) {
			l.wait(t, 20*time.Second)
			l.command(t, "payment", "heal")
			l.awaitState(t, tapiov1.SemanticGroup_STATE_RESOLVED)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLive(t, name, &scenario{})
			l.wait(t, settled)
			l.command(t, "payment", "fail 2") // each second request
			l.await(t, name+"-payment", []string{"fail"})
			between(t, l)
			l.command(t, "web", "slow 500ms")
			l.await(t, name+"-web", []string{"slow"})
			require.Len(t, l.incidents(t), 2)
		})
	}
}

// awaitState waits until all incidents are in a state.
func (l *live) awaitState(t *testing.T, state tapiov1.SemanticGroup_State) {
	t.Helper()
	for range 2 * patient / (2 * time.Second) {
		l.wait(t, 2*time.Second)
		if !slices.ContainsFunc(l.incidents(t), func(g *tapiov1.SemanticGroup) bool { return g.GetState() != state }) {
			return
		}
	}
	l.show(t)
	require.Fail(t, "the incidents do not reach the state", state.String())
}
