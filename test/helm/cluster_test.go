// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/test/running"
)

const (
	namespace  = "observability"
	adminToken = "admin-of-the-test"
)

// cluster is an API server of Kubernetes with its etcd, and no controller, scheduler or kubelet: objects are admitted and stored, but
// nothing runs.
type cluster struct {
	kubeconfig string
	url        string
}

// startCluster starts the API server that make builds, or skips the test without it.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	etcd, apiserver := tool(t, "TAPIO_ETCD"), tool(t, "TAPIO_KUBE_APISERVER")
	folder := t.TempDir()
	clients, peers, port := freeAddress(t), freeAddress(t), freeAddress(t)
	background(t, etcd, "--data-dir="+folder+"/etcd", "--unsafe-no-fsync",
		"--listen-client-urls=http://"+clients, "--advertise-client-urls=http://"+clients,
		"--listen-peer-urls=http://"+peers, "--initial-advertise-peer-urls=http://"+peers, "--initial-cluster=default=http://"+peers)

	key, tokens := filepath.Join(folder, "service-accounts.pem"), filepath.Join(folder, "tokens.csv")
	writeKey(t, key)
	require.NoError(t, os.WriteFile(tokens, []byte(adminToken+",admin,admin,system:masters\n"), 0o600))
	_, securePort, err := net.SplitHostPort(port)
	require.NoError(t, err)
	c := &cluster{url: "https://" + port, kubeconfig: filepath.Join(folder, "kubeconfig")}
	background(t, apiserver, "--etcd-servers=http://"+clients, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+securePort,
		"--cert-dir="+folder+"/certs", "--token-auth-file="+tokens, "--authorization-mode=RBAC", "--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key)
	c.writeKubeconfig(t)
	c.await(t)
	c.kubectl(t, "create", "namespace", namespace)
	c.kubectl(t, "--namespace="+namespace, "create", "serviceaccount", "default") // a controller does that in a cluster
	return c
}

// await waits until the API server is ready.
func (c *cluster) await(t *testing.T) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	require.Eventually(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/readyz", http.NoBody)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+adminToken)
		response, err := client.Do(request)
		if err != nil {
			return false
		}
		defer func() { _ = response.Body.Close() }()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode == http.StatusOK
	}, 2*time.Minute, 200*time.Millisecond, "the API server is not ready")
}

func (c *cluster) writeKubeconfig(t *testing.T) {
	t.Helper()
	config, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Config", "current-context": "test",
		"clusters": []any{map[string]any{"name": "test", "cluster": map[string]any{"server": c.url, "insecure-skip-tls-verify": true}}},
		"users":    []any{map[string]any{"name": "admin", "user": map[string]any{"token": adminToken}}},
		"contexts": []any{map[string]any{"name": "test", "context": map[string]any{"cluster": "test", "user": "admin"}}},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.kubeconfig, config, 0o600))
}

// kubectl runs kubectl, which must succeed, and returns what it prints.
func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, err := c.try(t, "", "kubectl", args...)
	require.NoError(t, err, stderr)
	return stdout
}

// try runs a client of the cluster with an input.
func (c *cluster) try(t *testing.T, input, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errors bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewBufferString(input), &out, &errors
	err = cmd.Run()
	return out.String(), errors.String(), err
}

// background runs a server until the end of the test; its log is printed if the test fails.
func background(t *testing.T, name string, args ...string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	p, err := running.Launch(context.Background(), running.Command{Args: append([]string{name}, args...), Log: log})
	require.NoError(t, err)
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the last lines of %s:\n%s", filepath.Base(name), p.LogEnd())
		}
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// writeKey makes the key that signs the tokens of service accounts.
func writeKey(t *testing.T, file string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600), fmt.Sprintf("write %s", file))
}
