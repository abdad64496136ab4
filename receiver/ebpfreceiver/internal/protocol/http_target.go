//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protocol

import (
	"strconv"
	"strings"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/http1"
)

// asked is what the first line of a request asks for, in the forms of RFC 9112, without
// the query and anyone who signs in: these are where secrets stand. A server is asked for a
// path, a proxy for all of a URL, or, to let through what it does not see, for a server.
type asked struct{ scheme, authority, path string }

func askedFor(target string) asked {
	if strings.HasPrefix(target, "/") {
		path, _, _ := strings.Cut(target, "?")
		return asked{path: path}
	}
	scheme, rest, found := strings.Cut(target, "://")
	if !found {
		return asked{authority: withoutUser(strings.TrimPrefix(target, "*"))}
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	path, _, _ := strings.Cut(rest[end:], "?")
	if path == "" {
		path = "/"
	}
	return asked{scheme, withoutUser(rest[:end]), path}
}

func withoutUser(authority string) string { return authority[strings.LastIndexByte(authority, '@')+1:] }

// pathOf is the same of a request as its server sees it.
func pathOf(target string) string { return askedFor(target).path }

// urlOf keeps the last one, which holds for the host that targetOf was asked for last.
func (c *httpConn) urlOf(r *http1.Head) string {
	if c.url == "" || c.urlFor != r.Target {
		c.url, c.urlFor = c.newURL(r), r.Target
	}
	return c.url
}

func (c *httpConn) newURL(r *http1.Head) string {
	of := askedFor(r.Target)
	if of.scheme == "" {
		of.scheme = c.scheme()
	}
	if of.authority == "" {
		of.authority = withoutUser(r.Host)
	}
	if of.authority == "" { // HTTP/1.0 need not name the server
		of.authority = c.ends.RemoteAddrPort().String()
	}
	return of.scheme + "://" + of.authority + of.path
}

// target is the server as the client names it, else by its address.
type target struct {
	name string
	port uint16
}

func (c *httpConn) scheme() string {
	if c.encrypted {
		return "https"
	}
	return "http"
}

// targetOf keeps the last one, as few connections name several hosts.
func (c *httpConn) targetOf(host string) target {
	if c.target.name == "" || c.host != host {
		c.host, c.target, c.url = host, c.newTarget(host), ""
	}
	return c.target
}

func (c *httpConn) newTarget(host string) target {
	if host == "" && c.speaker.Server {
		return target{c.local, c.ends.LocalPort}
	}
	if host == "" {
		return target{c.remote, c.ends.RemotePort}
	}
	name, port := withoutUser(host), uint16(80)
	if c.encrypted {
		port = 443
	}
	if colon := strings.LastIndexByte(name, ':'); colon >= 0 && !strings.HasSuffix(name, "]") {
		if n, err := strconv.ParseUint(name[colon+1:], 10, 16); err == nil {
			name, port = name[:colon], uint16(n)
		}
	}
	return target{strings.Trim(name, "[]"), port}
}
