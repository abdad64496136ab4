//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"encoding/binary"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

func itoa(n uint16) string { return strconv.Itoa(int(n)) }

func packed(t testing.TB, name string, head dnsmessage.Header) []byte {
	t.Helper()
	m := dnsmessage.Message{
		Header:    head,
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeAAAA, Class: dnsmessage.ClassINET}},
	}
	text, err := m.Pack()
	require.NoError(t, err)
	return text
}

func TestDNSMessage(t *testing.T) {
	got, err := parseDNS(packed(t, "A.Example.", dnsmessage.Header{ID: 7}))
	require.NoError(t, err)
	assert.Equal(t, dnsMessage{id: 7, question: dnsQuestion{"a.example", "AAAA"}}, got)
	got, err = parseDNS(append(packed(t, "a.", dnsmessage.Header{ID: 8, Response: true, RCode: dnsmessage.RCodeRefused}), "cut off here"...))
	require.NoError(t, err)
	assert.Equal(t, dnsMessage{id: 8, response: true, fault: "REFUSED", question: dnsQuestion{"a", "AAAA"}}, got)
	_, err = parseDNS([]byte("no message"))
	assert.Error(t, err)
}

func TestDNSOverTCPHoweverItIsCut(t *testing.T) {
	one := packed(t, "one.example.", dnsmessage.Header{ID: 1})
	text := append(binary.BigEndian.AppendUint16(nil, uint16(len(one))), one...)
	for cut := 1; cut < len(text); cut++ {
		var s dnsStream
		var seen [][]byte
		for range 2 {
			for _, piece := range [][]byte{text[:cut], text[cut:]} {
				if message := s.take(piece, len(piece)); message != nil {
					seen = append(seen, message)
				}
			}
		}
		assert.Equal(t, [][]byte{one, one}, seen, "cut at %d", cut)
		assert.True(t, s.between())
	}
}

func TestLongDNSMessageIsReadAsFarAsItWasCopied(t *testing.T) {
	const size = 3000
	text := append(binary.BigEndian.AppendUint16(nil, size), make([]byte, size)...)
	var s dnsStream
	assert.Len(t, s.take(text[:511], 1000), 509)
	assert.Nil(t, s.take(nil, size+2-1000))
	assert.True(t, s.between())
}

func FuzzDNS(f *testing.F) {
	f.Add(packed(f, "a.example.", dnsmessage.Header{ID: 7}), uint16(3))
	f.Fuzz(func(t *testing.T, text []byte, cut uint16) {
		if m, err := parseDNS(text); err == nil && len(m.question.name) > 1024 {
			t.Fatalf("a name of %d bytes", len(m.question.name))
		}
		var s dnsStream
		at := min(int(cut), len(text))
		s.take(text[:at], at)
		s.take(text[at:], len(text)-at)
		if len(s.part) > maxDNSPart+len(text) {
			t.Fatalf("kept %d bytes", len(s.part))
		}
	})
}
