// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func onlyTLS(c *Config) {
	onlyHTTP(c)
	c.Probes.TLS.Enabled = true
}

// certificate writes a key and its certificate into one file.
func certificate(t testing.TB) (file string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	require.NoError(t, pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	file = filepath.Join(t.TempDir(), "both.pem")
	require.NoError(t, os.WriteFile(file, text.Bytes(), 0o600))
	return file
}

const pythonServer = `
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", "2000")
        self.end_headers()
        self.wfile.write(b"x" * 2000)
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
`

const pythonClient = `
import http.client, ssl, sys
c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), context=ssl._create_unverified_context())
for i in range(int(sys.argv[2])):
    c.request("GET", sys.argv[3] + str(i))
    c.getresponse().read()
`

// serve runs a server until the test ends.
func serve(t testing.TB, port int, program string, args ...string) *exec.Cmd {
	t.Helper()
	var log bytes.Buffer
	server := exec.Command(program, args...)
	server.Stdout, server.Stderr = &log, &log
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill() // the test may have done so
		_ = server.Wait()
	})
	awaitPort(t, port, &log)
	return server
}

func TestHTTPSIsSeenInLibSSL(t *testing.T) {
	needs(t, "python3", "curl")
	s := onThisKernel(t, onlyTLS)
	port := freePort(t)
	serve(t, port, "python3", "-c", pythonServer, strconv.Itoa(port), certificate(t))
	const n = 100
	output, err := exec.Command("python3", "-c", pythonClient, strconv.Itoa(port), strconv.Itoa(n), "/python/").CombinedOutput()
	require.NoError(t, err, "%s", output)
	output, err = exec.Command("curl", "-skf", "-o", "/dev/null", fmt.Sprintf("https://127.0.0.1:%d/curl/[1-%d]", port, n)).CombinedOutput()
	require.NoError(t, err, "%s", output)
	for _, path := range []string{"/python/", "/curl/"} {
		servers, clients := s.both(t, n, path)
		asked := map[string]bool{}
		for _, span := range clients {
			asked[span.SpanID().String()] = true
		}
		for _, span := range servers {
			assert.True(t, asked[span.ParentSpanID().String()], "a server's span without its client's")
			got := span.Attributes().AsRaw()
			assert.Equal(t, "https", got["url.scheme"])
			assert.Equal(t, int64(200), got["http.response.status_code"])
			assert.Equal(t, int64(2000), got["http.response.body.size"])
			assert.Equal(t, "127.0.0.1", got["network.peer.address"])
			assert.Equal(t, int64(port), got["server.port"])
		}
	}
}

// OpenSSL's own client, which asks like Python but not by its module.
func TestHTTPSOfOpenSSLIsSeen(t *testing.T) {
	needs(t, "openssl", "python3")
	s := onThisKernel(t, onlyTLS)
	port := freePort(t)
	serve(t, port, "python3", "-c", pythonServer, strconv.Itoa(port), certificate(t))
	client := exec.Command("openssl", "s_client", "-quiet", "-connect", fmt.Sprintf("127.0.0.1:%d", port))
	client.Stdin = strings.NewReader("GET /openssl/missing HTTP/1.1\r\nHost: shop:81\r\nConnection: close\r\n\r\n")
	output, _ := client.CombinedOutput() // it minds that Python does not say goodbye
	require.Contains(t, string(output), "404 Not Found")
	servers, clients := s.both(t, 1, "/openssl/missing")
	for _, span := range []ptrace.Span{servers[0], clients[0]} {
		assert.Equal(t, int64(404), span.Attributes().AsRaw()["http.response.status_code"])
		assert.Equal(t, "shop", span.Attributes().AsRaw()["server.address"])
	}
}
