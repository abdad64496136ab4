//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"encoding/binary"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

type dnsQuestion struct {
	name string // in small letters, without the last dot
	kind string
}

type dnsMessage struct {
	id       uint16
	response bool
	fault    string // of a response that says no
	question dnsQuestion
}

// parseDNS reads the head and the first question, which stand at the begin, so
// the rest need not be there.
func parseDNS(text []byte) (dnsMessage, error) {
	var parser dnsmessage.Parser
	head, err := parser.Start(text)
	if err != nil {
		return dnsMessage{}, err
	}
	question, err := parser.Question()
	if err != nil {
		return dnsMessage{}, err
	}
	name := strings.TrimSuffix(strings.ToLower(question.Name.String()), ".")
	message := dnsMessage{
		id: head.ID, response: head.Response,
		question: dnsQuestion{name: strings.ToValidUTF8(name, "?"), kind: strings.TrimPrefix(question.Type.String(), "Type")},
	}
	if head.Response {
		message.fault = faultOf(head.RCode)
	}
	return message, nil
}

// faultOf names the codes as name servers' manuals do.
func faultOf(code dnsmessage.RCode) string {
	switch code {
	case dnsmessage.RCodeSuccess:
		return ""
	case dnsmessage.RCodeFormatError:
		return "FORMERR"
	case dnsmessage.RCodeServerFailure:
		return "SERVFAIL"
	case dnsmessage.RCodeNameError:
		return "NXDOMAIN"
	case dnsmessage.RCodeNotImplemented:
		return "NOTIMP"
	case dnsmessage.RCodeRefused:
		return "REFUSED"
	}
	return "_OTHER"
}

// dnsStreamID is one direction of a connection to a name server.
type dnsStreamID struct {
	sock      uint64
	direction uint8
}

// dnsStream finds the messages over TCP, each behind its length, however the
// calls cut them.
type dnsStream struct {
	part []byte
	skip int // bytes of a message that was handed out already
}

// maxDNSPart is enough of a message for its head and question.
const maxDNSPart = 2 + 512

// between reports that no message is under way.
func (s *dnsStream) between() bool { return len(s.part) == 0 && s.skip == 0 }

// take adds a piece, of which the text is the copied beginning, and returns the
// beginning of a message once there is enough of it.
func (s *dnsStream) take(text []byte, length int) []byte {
	if s.skip > 0 {
		n := min(s.skip, length)
		s.skip -= n
		length -= n
		text = text[min(n, len(text)):]
	}
	if length == 0 {
		return nil
	}
	known := len(s.part)
	s.part = append(s.part, text...)
	if len(s.part) < 2 {
		return nil
	}
	size := 2 + int(binary.BigEndian.Uint16(s.part))
	if len(s.part) < min(size, maxDNSPart) && len(text) == length {
		return nil
	}
	message := s.part[2:min(size, len(s.part))]
	s.skip = max(0, size-known-length)
	s.part = nil
	return message
}
