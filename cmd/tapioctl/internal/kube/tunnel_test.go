// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package kube

import (
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeKubectl puts a script in PATH that prints the pods of a file, and claims to listen where the test does. It answers
// only for the namespace whose file exists: pods.NAMESPACE, pods.current or pods.all.
type fakeKubectl struct{ folder string }

const script = `#!/bin/sh
cd "$FAKE_KUBECTL" || exit 1
echo "$*" >> calls
case "$*" in
*"get pods"*)
	place=current
	for word in "$@"; do case "$word" in --namespace=*) place=${word#--namespace=} ;; --all-namespaces) place=all ;; esac; done
	[ -e deny ] && { cat deny >&2; exit 1; }
	cat "pods.$place" 2> /dev/null || echo '{"items": []}' ;;
*port-forward*)
	[ -e refuse ] && { cat refuse >&2; exit 1; }
	echo "Forwarding from 127.0.0.1:$(cat port) -> 4417"
	echo $$ > pid
	exec sleep 600 ;;
esac
`

func newFakeKubectl(t *testing.T) *fakeKubectl {
	t.Helper()
	f := &fakeKubectl{folder: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(f.folder, "kubectl"), []byte(script), 0o700))
	t.Setenv("FAKE_KUBECTL", f.folder)
	t.Setenv("PATH", f.folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	return f
}

func (f *fakeKubectl) put(t *testing.T, file, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(f.folder, file), []byte(content), 0o600))
}

func (f *fakeKubectl) calls(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.folder, "calls"))
	require.NoError(t, err)
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// listen serves the text to everyone who connects.
func listen(t *testing.T, text string) (port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return port
}

func newTestTunnel(t *testing.T, args ...string) *Tunnel {
	t.Helper()
	options := &Options{}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	options.AddFlags(flags)
	require.NoError(t, flags.Parse(args))
	tunnel := NewTunnel(options)
	t.Cleanup(tunnel.Close)
	return tunnel
}

func TestTunnelLeadsToTheGateway(t *testing.T) {
	fake := newFakeKubectl(t)
	fake.put(t, "pods.obs", podList(agentJSON("tapio-agent-a", "node-1"), gatewayJSON("obs", "tapio-gateway-0", "Running", "True")))
	fake.put(t, "port", listen(t, "hello"))
	tunnel := newTestTunnel(t, "-n", "obs", "--context", "prod", "--kubeconfig=/etc/kube")

	name, host, err := tunnel.Find(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "obs/tapio-gateway-0", name)
	assert.Equal(t, "tapio-gateway.obs.svc", host)

	address, err := tunnel.Open(t.Context(), "4417")
	require.NoError(t, err)
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	text, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	assert.Equal(t, "hello", string(text))

	again, err := tunnel.Open(t.Context(), "4417")
	require.NoError(t, err)
	assert.Equal(t, address, again)
	calls := fake.calls(t)
	assert.Equal(t, "--kubeconfig=/etc/kube --context=prod port-forward --namespace=obs --address=127.0.0.1 pod/tapio-gateway-0 :4417", calls[len(calls)-1])
	assert.Len(t, calls, 3, "a forward that runs is used again")
}

func TestTunnelBeginsAgainAfterThePodEnded(t *testing.T) {
	fake := newFakeKubectl(t)
	fake.put(t, "pods.current", podList(gatewayJSON("obs", "tapio-gateway-0", "Running", "True")))
	fake.put(t, "port", "1")
	tunnel := newTestTunnel(t)
	_, err := tunnel.Open(t.Context(), "4417")
	require.NoError(t, err)
	require.NoError(t, tunnel.forwards["4417"].cmd.Process.Kill())
	tunnel.Wait(t.Context(), "4417")

	fake.put(t, "pods.current", podList(gatewayJSON("obs", "tapio-gateway-1", "Running", "True")))
	fake.put(t, "port", "2")
	address, err := tunnel.Open(t.Context(), "4417")
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:2", address)
	calls := fake.calls(t)
	assert.Contains(t, calls[len(calls)-1], "pod/tapio-gateway-1")
}

func TestTunnelLooksInAllNamespacesLast(t *testing.T) {
	fake := newFakeKubectl(t)
	fake.put(t, "pods.all", podList(gatewayJSON("obs", "tapio-gateway-0", "Running", "True")))
	name, _, err := newTestTunnel(t).Find(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "obs/tapio-gateway-0", name)

	fake.put(t, "pods.current", podList(gatewayJSON("mine", "tapio-gateway-0", "Running", "True")))
	name, _, err = newTestTunnel(t).Find(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "mine/tapio-gateway-0", name)
}

func TestTunnelToANamedPod(t *testing.T) {
	fake := newFakeKubectl(t)
	fake.put(t, "pods.obs", podList(agentJSON("tapio-agent-a", "node-1")))
	name, _, err := newTestTunnel(t, "-n", "obs", "--pod", "tapio-agent-a").Find(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "obs/tapio-agent-a", name)
	assert.Contains(t, fake.calls(t)[0], "--field-selector=metadata.name=tapio-agent-a")

	_, _, err = newTestTunnel(t, "--pod", "tapio-agent-a").Find(t.Context())
	assert.ErrorContains(t, err, "--pod tapio-agent-a: there is no such pod")
}

func TestTunnelReportsWhatKubectlReports(t *testing.T) {
	fake := newFakeKubectl(t)
	_, _, err := newTestTunnel(t, "-n", "empty").Find(t.Context())
	require.ErrorContains(t, err, "no pod in namespace empty has the label")
	_, _, err = newTestTunnel(t).Find(t.Context())
	require.ErrorContains(t, err, "install the Helm chart")

	fake.put(t, "pods.current", podList(gatewayJSON("obs", "tapio-gateway-0", "Running", "True")))
	fake.put(t, "refuse", "error: unable to forward port because pod is not running")
	_, err = newTestTunnel(t).Open(t.Context(), "4417")
	require.ErrorContains(t, err, "port-forward to pod obs/tapio-gateway-0: error: unable to forward port because pod is not running")

	fake.put(t, "deny", `E1129 17:26:10.991307   18494 memcache.go:265] "Unhandled Error" err="refused"
Error from server (Forbidden): pods is forbidden`)
	_, _, err = newTestTunnel(t).Find(t.Context())
	require.ErrorContains(t, err, "look for Tapio: Error from server (Forbidden): pods is forbidden")

	fake.put(t, "deny", "")
	_, _, err = newTestTunnel(t).Find(t.Context())
	require.ErrorContains(t, err, "exit status 1")
	fake.put(t, "pods.current", "not JSON")
	require.NoError(t, os.Remove(filepath.Join(fake.folder, "deny")))
	_, _, err = newTestTunnel(t).Find(t.Context())
	require.ErrorContains(t, err, "parse the pods that kubectl printed")
}

func TestTunnelGivesUpWithItsContext(t *testing.T) {
	newFakeKubectl(t)
	tunnel := newTestTunnel(t, "--pod", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := tunnel.Open(ctx, "4417")
	require.ErrorIs(t, context.Cause(ctx), context.Canceled)
	require.Error(t, err)

	t.Setenv("PATH", t.TempDir())
	_, _, err = newTestTunnel(t).Find(t.Context())
	require.ErrorContains(t, err, `"kubectl": executable file not found`)
}

// A kubectl that fills its output must not wait for a reader.
func TestForwardReadsAllOutput(t *testing.T) {
	folder := t.TempDir()
	noisy := "#!/bin/sh\necho 'Forwarding from 127.0.0.1:7 -> 4417'\nhead -c 1000000 /dev/zero\nhead -c 100000 /dev/zero | tr '\\0' x >&2\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kubectl"), []byte(noisy), 0o700))
	tunnel := newTestTunnel(t)
	tunnel.program = filepath.Join(folder, "kubectl")
	started, err := startForward(t.Context(), exec.Command(tunnel.program))
	require.NoError(t, err)
	select {
	case <-started.ended:
	case <-time.After(time.Minute):
		started.stop()
		require.Fail(t, "kubectl is blocked")
	}
}
