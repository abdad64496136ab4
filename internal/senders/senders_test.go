// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package senders

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestAServiceIsReportedOnceForAConnection(t *testing.T) {
	r := New()
	at := netip.MustParseAddrPort("127.0.0.1:4000")
	r.Observe(at, Service{Name: "web", Certain: true})
	var told []string
	full := true
	stop := r.Watch(func(_ netip.AddrPort, of Service) bool {
		if !full {
			told = append(told, of.Name)
		}
		return !full
	})
	r.Observe(at, Service{Name: "web", Certain: true})
	full = false
	r.Observe(at, Service{Name: "web", Certain: true})
	r.Observe(at, Service{Name: "web", Certain: true})
	r.Observe(at, Service{Name: "other", Certain: true})
	assert.Equal(t, []string{"web", "other"}, told)
	stop()
	r.Observe(at, Service{Name: "web", Certain: true})
	assert.Len(t, told, 2)
}

func TestConnectionsAreBounded(t *testing.T) {
	r := New()
	r.Watch(func(netip.AddrPort, Service) bool { return true })
	for port := range uint16(maxConnections + 100) {
		r.Observe(netip.AddrPortFrom(netip.IPv6Loopback(), port), Service{Name: "web", Certain: true})
	}
	assert.LessOrEqual(t, len(r.known), maxConnections)
}

func TestTheAddressOfARequest(t *testing.T) {
	_, ok := From(context.Background())
	assert.False(t, ok)
	at := netip.MustParseAddrPort("127.0.0.1:4000")
	got, ok := From(With(context.Background(), at))
	assert.True(t, ok)
	assert.Equal(t, at, got)
}

// What no SDK made is reported twice, because a program may send it for another one.
func TestAServiceThatIsNotCertainIsReportedTwice(t *testing.T) {
	r := New()
	at := netip.MustParseAddrPort("127.0.0.1:4000")
	reported := 0
	r.Watch(func(netip.AddrPort, Service) bool { reported++; return true })
	for range 5 {
		r.Observe(at, Service{Name: "web"})
	}
	assert.Equal(t, repeats, reported)
}

func TestAServiceThatBecomesCertainIsReportedAgain(t *testing.T) {
	r := New()
	at := netip.MustParseAddrPort("127.0.0.1:4000")
	var reported []bool
	r.Watch(func(_ netip.AddrPort, of Service) bool { reported = append(reported, of.Certain); return true })
	for _, certain := range []bool{false, true, true, false} {
		r.Observe(at, Service{Name: "web", Certain: certain})
	}
	assert.Equal(t, []bool{false, true}, reported)
}
