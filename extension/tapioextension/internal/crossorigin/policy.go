// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package crossorigin keeps the web pages of other sites away from an HTTP
// server. A browser sends the requests of any page to any address, localhost
// included: it marks them with Origin and Sec-Fetch-Site, or, after DNS
// rebinding, with a foreign Host.
package crossorigin

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
)

// Policy says which requests are refused with 403. The zero Policy refuses
// requests of other origins and accepts every Host.
type Policy struct {
	// CheckHost reports whether the Host of a request must be a loopback name, an
	// IP address or one of Hosts. nil: never.
	CheckHost func(*http.Request) bool
	// Hosts are names that a request may use besides. "*.example.com" stands for
	// all names below a domain, "*" for every name.
	Hosts []string
	// Linkable reports whether other sites may link to a path. nil: to none.
	Linkable func(path string) bool
}

// Handler serves what the policy accepts by next. It belongs inside the CORS
// handler of its server: an origin that this one allows is accepted.
func (p Policy) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := p.check(r, allowedByCORS(w))
		if err != nil {
			refuse(w, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowedByCORS reports whether the server's CORS handler, which runs first,
// allows the request's origin. "*" allows everyone to read, but no one with credentials.
func allowedByCORS(w http.ResponseWriter) bool {
	origin := w.Header().Get("Access-Control-Allow-Origin")
	return origin != "" && origin != "*"
}

func refuse(w http.ResponseWriter, err error) {
	body, _ := json.Marshal(map[string]any{"code": codes.PermissionDenied, "message": err.Error()})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write(append(body, '\n')) // the client is gone if this fails
}

func (p Policy) check(r *http.Request, allowed bool) error {
	if p.CheckHost != nil && p.CheckHost(r) && !p.acceptsHost(r.Host) {
		return fmt.Errorf("the request names the host %q, this server accepts localhost, IP addresses and allowed_hosts%s: "+
			"add the name to allowed_hosts of the tapio extension", r.Host, listed(p.Hosts))
	}
	if allowed {
		return nil
	}
	for _, origin := range r.Header.Values("Origin") {
		if !sameOrigin(origin, r.Host) {
			return fmt.Errorf("the request comes from a page of another origin, %q: "+
				"add the origin to cors::allowed_origins of this server", origin)
		}
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "none", "same-origin":
		return nil
	default:
		if p.isLink(r) {
			return nil
		}
		return fmt.Errorf("the request comes from a page of another origin (Sec-Fetch-Site: %q): "+
			"add its origin to cors::allowed_origins of this server", site)
	}
}

func listed(hosts []string) string {
	if len(hosts) == 0 {
		return " (none)"
	}
	return fmt.Sprintf(" (%s)", strings.Join(hosts, ", "))
}

// isLink reports whether the request follows a link to one of the pages.
func (p Policy) isLink(r *http.Request) bool {
	return p.Linkable != nil && p.Linkable(r.URL.Path) &&
		(r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// sameOrigin compares the origin with the host that the request names. The
// scheme may differ behind a proxy that terminates TLS.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.EqualFold(u.Host, host)
}

// acceptsHost accepts an empty host too: a browser always names one.
func (p Policy) acceptsHost(hostPort string) bool {
	name := hostName(hostPort)
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return slices.ContainsFunc(p.Hosts, func(pattern string) bool { return matches(strings.ToLower(pattern), name) })
}

func hostName(hostPort string) string {
	name, _, err := net.SplitHostPort(hostPort)
	if err != nil { // without a port
		name = strings.TrimSuffix(strings.TrimPrefix(hostPort, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

func matches(pattern, name string) bool {
	domain, below := strings.CutPrefix(pattern, "*.")
	return pattern == "*" || pattern == name || below && strings.HasSuffix(name, "."+domain)
}
