// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package cli

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const gatewayPod = `{"items": [{"metadata": {"namespace": "obs", "name": "tapio-gateway-0", "labels": {"app.kubernetes.io/component": "gateway"},
	"ownerReferences": [{"kind": "StatefulSet", "name": "tapio-gateway"}]}, "status": {"phase": "Running"}}]}`

// pluginCLI is one whose server is reached through a kubectl that a test fakes.
func pluginCLI(t *testing.T, fake *fakeServer) *cli {
	t.Helper()
	c := newCLI(t, fake)
	c.app.DialOptions = nil
	c.env = map[string]string{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	tapiov1.RegisterTapioServiceServer(server, tapioFake{fake: fake})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with Stop
	}()
	t.Cleanup(func() {
		server.Stop()
		<-ended
	})
	folder := t.TempDir()
	script := "#!/bin/sh\necho \"$*\" >> " + folder + "/calls\ncase \"$*\" in\n*'get pods'*) cat " + folder + "/pods ;;\n" +
		"*) echo 'Forwarding from " + listener.Addr().String() + " -> 4417'; exec sleep 600 ;;\nesac\n"
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kubectl"), []byte(script), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "pods"), []byte(gatewayPod), 0o600))
	t.Setenv("PATH", folder+string(os.PathListSeparator)+os.Getenv("PATH"))
	return c
}

func (c *cli) plugin(t *testing.T, args ...string) result {
	t.Helper()
	c.out.Reset()
	c.errOut.Reset()
	c.app.Flags = app.App{}.Flags
	code := runPlugin(t.Context(), c.app, args)
	return result{code: code, out: c.out.String(), errOut: c.errOut.String()}
}

func TestPluginAsksTheGateway(t *testing.T) {
	fake := servingFake()
	c := pluginCLI(t, fake)
	r := c.plugin(t, "-n", "obs", "status", "--token", "s3cret")
	assert.Equal(t, exitcode.OK, r.code, r.errOut)
	assert.Contains(t, r.out, "at obs/tapio-gateway-0: SERVING")
	assert.Empty(t, r.errOut, "kubectl encrypts the connection, so the token is not open")
	assert.Equal(t, []string{"Bearer s3cret"}, fake.received("authorization"))
}

func TestPluginNeedsNoClusterForHelp(t *testing.T) {
	c := newCLI(t, servingFake())
	t.Setenv("PATH", t.TempDir())
	r := c.plugin(t)
	assert.Equal(t, exitcode.OK, r.code)
	assert.Contains(t, r.out, "kubectl tapio [flags]")
	assert.Contains(t, r.out, "--namespace")
	r = c.plugin(t, "version")
	assert.Equal(t, exitcode.OK, r.code)
	r = c.plugin(t, "status")
	assert.Equal(t, exitcode.Unreachable, r.code)
	assert.Contains(t, r.errOut, "kubectl")
}

func TestPluginRefusesMistakes(t *testing.T) {
	c := pluginCLI(t, servingFake())
	for _, test := range []struct {
		args    []string
		message string
	}{
		{[]string{"--server", "x:1", "status"}, "--server: kubectl tapio connects to a pod"},
		{[]string{"status", "--server", "x:1"}, "--server: kubectl tapio connects to a pod"},
		{[]string{"statsu"}, "did you mean status?"},
		{[]string{"--namespce", "x", "status"}, "did you mean --namespace"},
		{[]string{"-n"}, "flag needs an argument"},
		{[]string{"--timeout", "fast", "status"}, "--timeout"},
		{[]string{"--node", "n9", "status"}, "--node n9: no Tapio agent runs there"},
		{[]string{"ui", "--port", "70000"}, "70000"},
	} {
		r := c.plugin(t, test.args...)
		assert.Equal(t, exitcode.Usage, r.code, "%v: %s", test.args, r.errOut)
		assert.Contains(t, r.errOut, test.message)
	}
}

func TestPluginIgnoresTheServerOfTheConfiguration(t *testing.T) {
	c := pluginCLI(t, servingFake())
	c.env["TAPIO_SERVER"] = "192.0.2.1:4417"
	r := c.plugin(t, "status")
	assert.Equal(t, exitcode.OK, r.code, r.errOut)
}

func TestPluginIsKnownByItsName(t *testing.T) {
	assert.True(t, isPlugin("/home/me/.krew/bin/kubectl-tapio"))
	assert.True(t, isPlugin("kubectl-tapio.exe"))
	assert.False(t, isPlugin("/usr/bin/tapioctl"))
}
