//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		"slowdatabase": {
			payment: []string{"-database", "127.0.0.1:8010"},
			prepare: func(t *testing.T, l *live) { l.startRedis(t) },
			fault:   func(t *testing.T, l *live) { l.occupyRedis(t) },
			cause:   "database", says: []string{"slowdatabase-database", "slow"},
		},
		"python": { // two services of one interpreter, of which one fails
			orders:  []string{"-calls", "http://127.0.0.1:8003/pay,http://127.0.0.1:8011/price,http://127.0.0.1:8012/stock"},
			prepare: func(t *testing.T, l *live) { l.startPython(t, "price", "8011"); l.startPython(t, "stock", "8012") },
			fault: func(t *testing.T, l *live) {
				require.NoError(t, os.WriteFile(filepath.Join(l.folder, "stock.fails"), nil, 0o600))
			},
			cause: "stock.py", says: []string{"python-stock.py", "fail"},
		},
		"fulldisk": {
			prepare: func(t *testing.T, l *live) { l.mountSmallDisk(t) },
			payment: []string{"-ledger", smallDisk + "/ledger"},
			fault: func(*testing.T, *live) {
				_ = os.WriteFile(smallDisk+"/backup", make([]byte, 128<<20), 0o600) // until there is no space
			},
			cause: "payment", says: []string{"fulldisk-payment", "fail"},
		},
	}
}

const smallDisk = "/var/tmp/tapio-scenario-small"

// mountSmallDisk mounts a file system of 64 MiB.
func (*live) mountSmallDisk(t *testing.T) {
	t.Helper()
	require.NoError(t, os.MkdirAll(smallDisk, 0o700))
	run(t, "mount", "-t", "tmpfs", "-o", "size=64m", "tapio-scenario", smallDisk)
	t.Cleanup(func() {
		run(t, "umount", "-l", smallDisk)
		require.NoError(t, os.Remove(smallDisk))
	})
}

// startRedis starts a database that is not instrumented, under the name of a service.
func (l *live) startRedis(t *testing.T) {
	t.Helper()
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("needs redis-server")
	}
	program, err := os.ReadFile(redis)
	require.NoError(t, err)
	path := filepath.Join(l.folder, l.name+"-database")
	require.NoError(t, os.WriteFile(path, program, 0o700))
	l.startProgram(t, "database", false, path, "--bind", "127.0.0.1", "--port", "8010", "--save", "", "--dir", l.folder, "--enable-debug-command", "yes")
}

// occupyRedis lets the database do something else most of the time.
func (l *live) occupyRedis(t *testing.T) {
	t.Helper()
	l.startProgram(t, "administrator", false, "sh", "-c", "while redis-cli -p 8010 debug sleep 0.3; do sleep 0.05; done")
}

// startPython starts a service that answers with 500 once a file named so is there.
func (l *live) startPython(t *testing.T, name, port string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	path := filepath.Join(l.folder, l.name+"-"+name+".py")
	require.NoError(t, os.WriteFile(path, []byte(fmt.Sprintf(pythonService, filepath.Join(l.folder, name+".fails"), port)), 0o600))
	l.startProgram(t, name, false, python, path)
}

const pythonService = `
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if os.path.exists(%q) else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", %s), Handler).serve_forever()
`

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
