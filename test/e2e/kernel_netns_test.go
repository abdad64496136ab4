// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ofIPv6 is what one container of a pod does: its server is asked by IPv6, in a network
// that the collector is not in; no one is there on another port, the name server knows
// of nothing, and a connection is thrown away.
const ofIPv6 = `
import http.client, http.server, socket, struct, threading
server = http.server.ThreadingHTTPServer.__new__(http.server.ThreadingHTTPServer)
server.address_family = socket.AF_INET6
server.__init__(("::1", 8080), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
asking = http.client.HTTPConnection("::1", 8080)
asking.request("GET", "/in/a/container")
asking.getresponse().read()
asking.close()

names = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
names.bind(("::1", 53))
resolver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
resolver.connect(("::1", 53))
question = b"\x05\x06\x01\0\0\1\0\0\0\0\0\0" + b"\4lost\5tapio\0" + b"\0\x1c\0\1"
resolver.send(question)
got, who = names.recvfrom(512)
names.sendto(got[:2] + b"\x81\x83" + got[4:], who)
resolver.recv(512)

try:
    socket.create_connection(("::1", 9))
except ConnectionRefusedError:
    pass

listener = socket.create_server(("::1", 7070), family=socket.AF_INET6)
one = socket.create_connection(("::1", 7070))
other, _ = listener.accept()
one.send(b"x")
other.recv(1)
one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
one.close()
try:
    other.recv(1)
except ConnectionResetError:
    pass
`

func TestIPv6IsSeenInNetworksOfOthers(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	c := Start(t, networkStandard)
	program := exec.Command("unshare", "--net", "sh", "-c", `ip link set lo up && exec python3 -c "$0"`, ofIPv6)
	output, err := program.CombinedOutput()
	require.NoError(t, err, "%s", output)
	spans := awaitSpans(t, c, 2, "url.path=/in/a/container")
	assert.Equal(t, spans[0].TraceID, spans[1].TraceID)
	require.NotEmpty(t, tapioctl(t, c, "get", "traces", "-l", "url.path=/in/a/container,server.address=::1,server.port=8080,network.peer.address=::1", "-o", "json"))
	for _, of := range []struct {
		event, selector string
		says            []string
	}{
		{"tapio.dns.lookup_failed", "dns.question.name=lost.tapio", []string{`"NXDOMAIN"`, `"AAAA"`, `"::1"`}},
		{"tapio.tcp.connect_failed", "network.peer.port=9", []string{`"ECONNREFUSED"`, `"::1"`, `"ipv6"`}},
		{"tapio.tcp.reset", "network.peer.port=7070", []string{`"transmit"`, `"client"`, `"::1"`, `"ipv6"`}},
	} {
		for _, word := range of.says {
			awaitOutput(t, c, word, "observe", "events", "--event-name", of.event, "-l", of.selector, "-o", "json")
		}
	}
}
