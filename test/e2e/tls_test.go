// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// authority signs certificates that only its test trusts.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string
}

// pair names the files of a certificate and its key.
type pair struct{ cert, key string }

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a := &authority{certificate: template, key: key}
	a.file = writePEM(t, "CERTIFICATE", a.sign(t, template, key))
	return a
}

func (a *authority) sign(t *testing.T, template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	require.NoError(t, err)
	return der
}

// issue makes a certificate that serves as a server's and as a client's.
func (a *authority) issue(t *testing.T, name string) pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, key)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pair{cert: writePEM(t, "CERTIFICATE", der), key: writePEM(t, "PRIVATE KEY", raw)}
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return file
}

// trust is a client's side: the authority that it trusts and, optionally, its own certificate.
func (a *authority) trust(t *testing.T, own ...pair) credentials.TransportCredentials {
	t.Helper()
	text, err := os.ReadFile(a.file)
	require.NoError(t, err)
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
	require.True(t, config.RootCAs.AppendCertsFromPEM(text))
	for _, p := range own {
		certificate, err := tls.LoadX509KeyPair(p.cert, p.key)
		require.NoError(t, err)
		config.Certificates = append(config.Certificates, certificate)
	}
	return credentials.NewTLS(config)
}

// With a client_ca_file the server talks to no one who cannot prove who it is.
func TestMutualTLS(t *testing.T) {
	t.Parallel()
	ours, foreign := newAuthority(t), newAuthority(t)
	server, client := ours.issue(t, "localhost"), ours.issue(t, "client")
	c := Start(t, standard,
		"--set=extensions::tapio::grpc::tls::cert_file="+server.cert,
		"--set=extensions::tapio::grpc::tls::key_file="+server.key,
		"--set=extensions::tapio::grpc::tls::client_ca_file="+ours.file)

	for name, one := range map[string]struct {
		creds credentials.TransportCredentials
		want  codes.Code
	}{
		"with our certificate":     {ours.trust(t, client), codes.OK},
		"without a certificate":    {ours.trust(t), codes.Unavailable},
		"with a foreign one":       {ours.trust(t, foreign.issue(t, "client")), codes.Unavailable},
		"trusting another":         {foreign.trust(t, client), codes.Unavailable},
		"in clear text":            {insecure.NewCredentials(), codes.Unavailable},
		"with ours, a second time": {ours.trust(t, client), codes.OK},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := apiAt(dial(t, c.GRPC, one.creds)).GetLogs(bounded(t), &tapiov1.GetLogsRequest{})
			require.Equal(t, one.want, status.Code(err), "%v", err)
		})
	}
	for says, flags := range map[string][]string{
		"--tls-ca-cert":                  {"--tls", "--tls-server-name", "localhost"},
		"name its authority with --tls-": {"--tls-ca-cert", foreign.file, "--tls-server-name", "localhost"},
		"see --tls-server-name":          {"--tls-ca-cert", ours.file, "--tls-cert", client.cert, "--tls-key", client.key, "--tls-server-name", "else"},
		"give --tls-cert and --tls-key":  {"--tls-ca-cert", ours.file, "--tls-server-name", "localhost"},
		"does it want TLS (--tls)?":      {},
	} {
		t.Run("tapioctl says "+says, func(t *testing.T) {
			_, problem, code := run(t, c.GRPC, "", append(flags, "status")...)
			require.Equal(t, 3, code)
			require.Contains(t, problem, says)
		})
	}
	t.Run("with tapioctl", func(t *testing.T) {
		tapioctl(t, c, "--tls-ca-cert", ours.file, "--tls-cert", client.cert, "--tls-key", client.key, "--tls-server-name", "localhost", "status")
	})
}
