// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/tapio/tapio/cmd/tapioctl/internal/dial"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func servingFake() *fakeServer {
	return &fakeServer{health: sampleHealth(tapiov1.HealthCheckResponse_STATUS_SERVING), info: sampleInfo}
}

// received returns a header of the latest health check.
func (f *fakeServer) received(name string) []string {
	md, _ := metadata.FromIncomingContext(f.lastContext)
	return md.Get(name)
}

func TestToken(t *testing.T) {
	fake := servingFake()
	c := newCLI(t, fake)
	r := c.run(t, "status", "--token", "s3cret")
	assert.Equal(t, exitcode.OK, r.code)
	assert.Equal(t, []string{"Bearer s3cret"}, fake.received("authorization"))
	assert.Equal(t, "tapioctl: the token or password travels unencrypted to passthrough:///fake: add --tls\n", r.errOut)

	c.env["TAPIO_TOKEN"] = "from-env"
	c.run(t, "status")
	assert.Equal(t, []string{"Bearer from-env"}, fake.received("authorization"))
	c.run(t, "status", "--token", "from-flag")
	assert.Equal(t, []string{"Bearer from-flag"}, fake.received("authorization"), "the flag goes before the environment")
}

func TestWarningOfOpenToken(t *testing.T) {
	for server, warns := range map[string]bool{
		"localhost:4417": false, "127.0.0.1:4417": false, "[::1]:4417": false, "unix:///run/tapio.sock": false,
		"tapio.example:4417": true, "10.0.0.1:4417": true, "localhost.example:4417": true,
	} {
		c := newCLI(t, servingFake())
		c.app.Flags = dial.Flags{Server: server, Token: "s3cret"}
		c.app.Flags.WarnOfOpenToken(c.app.Out)
		assert.Equal(t, warns, c.errOut.Len() > 0, server)
	}
}

func TestNoTokenNoHeader(t *testing.T) {
	fake := servingFake()
	requireSuccess(t, newCLI(t, fake).run(t, "status"))
	assert.Empty(t, fake.received("authorization"))
	assert.Contains(t, fake.received("user-agent")[0], "tapioctl/")
}

// testPair makes a certificate for localhost that signs itself, in PEM files.
func testPair(t *testing.T) (pair tls.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"tapio.test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	certFile, keyFile = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(certFile, certPEM, 0o600))
	require.NoError(t, os.WriteFile(keyFile, keyPEM, 0o600))
	pair, err = tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	return pair, certFile, keyFile
}

func TestTLSWithClientCertificate(t *testing.T) {
	pair, certFile, keyFile := testPair(t)
	pool := x509.NewCertPool()
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	require.NoError(t, err)
	pool.AddCert(leaf)
	c := newCLI(t, servingFake(), grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS13,
	})))
	trusting := []string{"status", "--tls-ca-cert", certFile, "--tls-server-name", "tapio.test", "--token", "s3cret"}
	requireSuccess(t, c.run(t, append(trusting, "--tls-cert", certFile, "--tls-key", keyFile)...))

	assert.Equal(t, exitcode.Unreachable, c.run(t, trusting...).code, "without the client's certificate")
	r := c.run(t, "status", "--tls", "--tls-server-name", "tapio.test")
	assert.Equal(t, exitcode.Unreachable, r.code)
	assert.Contains(t, r.errOut, "certificate")
}

func TestConnectionFlagsAreChecked(t *testing.T) {
	_, certFile, keyFile := testPair(t)
	for want, args := range map[string][]string{
		"give host:port without http://": {"--server", "http://localhost:4417"},
		"no such file":                   {"--tls-ca-cert", filepath.Join(t.TempDir(), "absent")},
		"holds no PEM certificate":       {"--tls-ca-cert", keyFile},
		"give both or none":              {"--tls-cert", certFile},
		"--tls-cert, --tls-key":          {"--tls-cert", keyFile, "--tls-key", certFile},
	} {
		r := newCLI(t, servingFake()).run(t, append([]string{"status"}, args...)...)
		assert.Equal(t, exitcode.Usage, r.code)
		assert.Contains(t, r.errOut, want)
	}
}
