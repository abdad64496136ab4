// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package http1

import (
	"bytes"
	"encoding/binary"
)

const (
	proxyV1 = "PROXY "
	proxyV2 = "\r\n\r\n\x00\r\nQUIT\n"
	// maxProxyV1 is the longest header that the first version allows.
	maxProxyV1 = 107
)

// skipProxy passes over a header of the PROXY protocol, by which a load balancer
// passes the client's address to a server.
func (p *Piece) skipProxy() {
	size := 0
	switch {
	case bytes.HasPrefix(p.Data, []byte(proxyV1)):
		size = bytes.IndexByte(p.Data[:min(len(p.Data), maxProxyV1)], '\n') + 1
	case bytes.HasPrefix(p.Data, []byte(proxyV2)) && len(p.Data) >= 16:
		size = 16 + int(binary.BigEndian.Uint16(p.Data[14:]))
	}
	if size > len(p.Data) {
		return
	}
	p.Seq += uint32(size)
	p.Length -= size
	p.Data = p.Data[size:]
}
