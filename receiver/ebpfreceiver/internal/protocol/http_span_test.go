//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

func TestTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	trace, span, flags, ok := parseTraceparent(good)
	assert.True(t, ok)
	assert.Equal(t, "0af7651916cd43dd8448eb211c80319c", trace.String())
	assert.Equal(t, "b7ad6b7169203331", span.String())
	assert.Equal(t, byte(1), flags)
	_, _, _, ok = parseTraceparent("01" + good[2:] + "-more")
	assert.True(t, ok, "a later version may say more")
	for _, bad := range []string{
		"", "00", good[:54], good + "-more", good + "0", "ff" + good[2:], "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01", "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	} {
		_, _, _, ok := parseTraceparent(bad)
		assert.False(t, ok, "%q", bad)
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Fuzz(func(t *testing.T, text string) {
		trace, span, _, ok := parseTraceparent(text)
		if ok && (trace.IsEmpty() || span.IsEmpty()) {
			t.Fatalf("%q gave an empty id", text)
		}
	})
}

func TestPathHasNoQuery(t *testing.T) {
	for target, want := range map[string]string{
		"/": "/", "/a/b?token=x": "/a/b", "http://h/p?q": "/p", "http://h": "/", "*": "", "h:443": "", "/go?to=http://x/y": "/go",
		"http://h?to=/secret": "/", "http://u:p@h/p": "/p",
	} {
		assert.Equal(t, want, pathOf(target), target)
	}
}

func TestTargetIsWhatTheClientNamed(t *testing.T) {
	ends := emit.Endpoints{Remote: [16]byte{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 1}, RemotePort: 8080}
	for host, want := range map[string]string{
		"": "192.0.2.1 8080", "shop": "shop 80", "shop:81": "shop 81", "[::1]:82": "::1 82", "[::1]": "::1 80", "shop:x": "shop:x 80",
		"user:secret@shop:81": "shop 81",
	} {
		conn := httpConn{conversation: *newConversation(&streamRecord{Ends: ends}, http1.Conn{})}
		got := conn.targetOf(host)
		assert.Equal(t, want, got.name+" "+strconv.Itoa(int(got.port)), host)
	}
}

func TestAURLIsWholeAndHoldsNoSecret(t *testing.T) {
	ends := emit.Endpoints{Remote: [16]byte{10: 0xff, 11: 0xff, 12: 192, 14: 2, 15: 1}, RemotePort: 8080}
	conn := httpConn{conversation: *newConversation(&streamRecord{Ends: ends}, http1.Conn{})}
	for _, of := range []struct{ host, target, want string }{
		{"shop", "/cart?token=x", "http://shop/cart"},
		{"shop", "/cart?token=y", "http://shop/cart"},
		{"shop:81", "/cart?token=y", "http://shop:81/cart"},
		{"[::1]:82", "/", "http://[::1]:82/"},
		{"", "/old", "http://192.0.2.1:8080/old"},
		{"shop", "*", "http://shop"},
		{"user:secret@shop", "/", "http://shop/"},
		{"proxied", "ftp://user:secret@files/a?b", "ftp://files/a"},
		{"proxied", "http://files?to=/secret", "http://files/"},
		{"tunnelled:443", "tunnelled:443", "http://tunnelled:443"},
	} {
		conn.targetOf(of.host)
		got := conn.urlOf(&http1.Head{Host: of.host, Target: of.target})
		assert.Equal(t, of.want, got, "%v", of)
	}
	conn = httpConn{conversation: *newConversation(&streamRecord{Ends: ends, Encrypted: 1}, http1.Conn{})}
	conn.targetOf("shop")
	assert.Equal(t, "https://shop/", conn.urlOf(&http1.Head{Host: "shop", Target: "/"}))
}

// A request like the one before costs no new text.
func TestAURLIsMadeOnce(t *testing.T) {
	conn := httpConn{conversation: *newConversation(&streamRecord{}, http1.Conn{})}
	request := http1.Head{Host: "shop", Target: "/cart?token=x"}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		conn.targetOf(request.Host)
		conn.urlOf(&request)
	}))
}

func TestAMethodThatIsMadeUpMakesNoNames(t *testing.T) {
	method, original := methodOf("BREW")
	assert.Equal(t, "_OTHER", method)
	assert.Equal(t, "BREW", original)
	assert.Equal(t, "HTTP", titleOf(method))
	assert.Equal(t, "GET", titleOf("GET"))
}

func TestAnErrorIsNamedByItsStatusThoughTheRestIsNotRead(t *testing.T) {
	for _, of := range []struct {
		status      int
		cut, server bool
		want        string
	}{
		{404, true, false, "404"},
		{404, true, true, "connection_closed"},
		{404, false, true, ""},
		{503, true, true, "503"},
		{200, true, false, "connection_closed"},
		{200, false, false, ""},
		{0, true, false, "connection_closed"},
	} {
		e := &http1.Exchange{Cut: of.cut}
		e.Response.Status = of.status
		assert.Equal(t, of.want, httpFaultOf(e, of.server), "%v", of)
	}
}

// Both ends must come to the same name for a request, and another one to another.
func TestBothEndsNameACallAlike(t *testing.T) {
	client := emit.Endpoints{Local: [16]byte{15: 1}, LocalPort: 4000, Remote: [16]byte{15: 2}, RemotePort: 80}
	server := emit.Endpoints{Local: [16]byte{15: 9}, LocalPort: 8080, Remote: [16]byte{15: 1}, RemotePort: 4000} // behind a load balancer
	id := callOf(&client, false, 7, "GET", "/")
	assert.Equal(t, id, callOf(&server, true, 7, "GET", "/"))
	assert.NotEqual(t, id, callOf(&client, false, 8, "GET", "/"))
	assert.NotEqual(t, id.client(), id.Server())
}
