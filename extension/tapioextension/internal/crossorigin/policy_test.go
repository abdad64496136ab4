// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package crossorigin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// answer is the status that the policy gives to a request with these headers.
func answer(p Policy, method, path, host string, headers map[string]string) int {
	r := httptest.NewRequest(method, path, strings.NewReader("{}"))
	r.Host = host
	for key, value := range headers {
		r.Header.Set(key, value)
	}
	w := httptest.NewRecorder()
	p.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })).ServeHTTP(w, r)
	return w.Code
}

func TestOtherOriginsAreRefused(t *testing.T) {
	page := func(path string) bool { return path == "/" }
	navigation := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
	frame := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
	for name, tc := range map[string]struct {
		method, path string
		headers      map[string]string
		want         int
	}{
		"no browser":              {"POST", "/v1/x", nil, 200},
		"own page":                {"POST", "/v1/x", map[string]string{"Origin": "http://localhost:4418", "Sec-Fetch-Site": "same-origin"}, 200},
		"own page behind TLS":     {"POST", "/v1/x", map[string]string{"Origin": "https://LOCALHOST:4418"}, 200},
		"typed address":           {"GET", "/v1/x", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		"foreign origin":          {"POST", "/v1/x", map[string]string{"Origin": "http://evil.example"}, 403},
		"foreign origin, GET":     {"GET", "/v1/x", map[string]string{"Origin": "http://evil.example"}, 403},
		"websocket":               {"GET", "/v1/opamp", map[string]string{"Origin": "http://evil.example", "Upgrade": "websocket"}, 403},
		"preflight":               {"OPTIONS", "/v1/x", map[string]string{"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"}, 403},
		"another port":            {"POST", "/v1/x", map[string]string{"Origin": "http://localhost:3000"}, 403},
		"sandboxed frame or file": {"POST", "/v1/x", map[string]string{"Origin": "null"}, 403},
		"browser extension":       {"POST", "/v1/x", map[string]string{"Origin": "chrome-extension://localhost:4418"}, 403},
		"cross-site, no origin":   {"GET", "/v1/x", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"same site, no origin":    {"GET", "/v1/x", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"unknown site":            {"GET", "/v1/x", map[string]string{"Sec-Fetch-Site": "galactic"}, 403},
		"link to a page":          {"GET", "/", navigation, 200},
		"link to the API":         {"GET", "/v1/x", navigation, 403},
		"form sent to a page":     {"POST", "/", navigation, 403},
		"page in a frame":         {"GET", "/", frame, 403},
	} {
		assert.Equal(t, tc.want, answer(Policy{Linkable: page}, tc.method, tc.path, "localhost:4418", tc.headers), name)
	}
}

func TestForeignHostsAreRefusedWhereChecked(t *testing.T) {
	checked := Policy{CheckHost: func(*http.Request) bool { return true }, Hosts: []string{"Tapio.internal", "*.example.com"}}
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:4418": 200, "localhost.:4418": 200, "app.localhost:1": 200,
		"127.0.0.1:4418": 200, "[::1]:4418": 200, "[::1]": 200, "10.1.2.3": 200, "": 200,
		"tapio.internal": 200, "TAPIO.internal:4418": 200, "a.example.com": 200,
		"evil.example:4418": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example:4418": 403,
		"example.com": 403, "badexample.com": 403, "evillocalhost": 403,
	} {
		assert.Equal(t, want, answer(checked, "GET", "/", host, nil), host)
		assert.Equal(t, 200, answer(Policy{}, "GET", "/", host, nil), host)
	}
	everyName := Policy{CheckHost: func(*http.Request) bool { return true }, Hosts: []string{"*"}}
	assert.Equal(t, 200, answer(everyName, "GET", "/", "evil.example", nil))
	// A page whose own name was pointed here passes for the same origin.
	rebound := map[string]string{"Origin": "http://evil.example:4418", "Sec-Fetch-Site": "same-origin"}
	assert.Equal(t, 403, answer(checked, "POST", "/", "evil.example:4418", rebound))
}

func TestOriginsOfCORSAreAccepted(t *testing.T) {
	for allowed, want := range map[string]int{"https://ui.example.com": 200, "*": 403, "": 403} {
		r := httptest.NewRequest(http.MethodPost, "/v1/x", nil)
		r.Header.Set("Origin", "https://ui.example.com")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		w := httptest.NewRecorder()
		w.Header().Set("Access-Control-Allow-Origin", allowed)
		Policy{}.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })).ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, allowed)
	}
}
