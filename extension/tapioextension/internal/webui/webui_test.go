// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package webui

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/ui"
)

const html = "text/html,application/xhtml+xml"

func handler(t *testing.T) http.Handler {
	t.Helper()
	files, err := ui.Files()
	require.NoError(t, err)
	h, err := New(files, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the API") }))
	require.NoError(t, err)
	return h
}

func ask(h http.Handler, method, path, accept, etag string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Accept", accept)
	r.Header.Set("If-None-Match", etag)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPagesAreForBrowsersAndTheRestIsForTheAPI(t *testing.T) {
	h := handler(t)
	for _, path := range []string{"/", "/incidents", "/incidents/g-1", "/traces/0af7", "/services/checkout", "/metrics?metric=x", "/profiles?service=checkout"} {
		w := ask(h, http.MethodGet, path, html, "")
		assert.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"), path)
		assert.Contains(t, w.Header().Get("Content-Security-Policy"), "script-src 'self'", path)
		assert.Contains(t, w.Body.String(), "<title>Tapio</title>", path)
	}
	assert.Equal(t, "the API", ask(h, http.MethodGet, "/", "*/*", "").Body.String(), "a program")
	assert.Equal(t, "the API", ask(h, http.MethodPost, "/traces", html, "").Body.String())
	for _, path := range []string{"/v1/logs", "/api/traces", "/prometheus/api/v1/query", "/openapi.json", "/mcp"} {
		assert.Equal(t, "the API", ask(h, http.MethodGet, path, html, "").Body.String(), path)
	}
}

// Everything that index.html loads is there, and from this server.
func TestFilesAreCompleteAndCached(t *testing.T) {
	h := handler(t)
	index := ask(h, http.MethodGet, "/", html, "").Body.String()
	loaded := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(index, -1)
	require.NotEmpty(t, loaded)
	for _, m := range loaded {
		w := ask(h, http.MethodGet, m[1], "*/*", "")
		require.Equal(t, http.StatusOK, w.Code, m[1])
		assert.NotEmpty(t, w.Body.Bytes(), m[1])
		assert.Equal(t, http.StatusNotModified, ask(h, http.MethodGet, m[1], "*/*", w.Header().Get("ETag")).Code, m[1])
	}
	assert.NotContains(t, index, "<style", "the policy forbids it")
	assert.NotRegexp(t, `<script(?:>|[^>]* [^s][^>]*>[^<])`, index)
	assert.Equal(t, http.StatusNotFound, ask(h, http.MethodGet, "/ui/none.js", "*/*", "").Code)
	assert.Equal(t, http.StatusNotFound, ask(h, http.MethodGet, "/ui/../ui.go", "*/*", "").Code)
}

// What a browser loads stays small: 600 KB embedded, and the compressed size is
// checked where the UI is built.
func TestTheUIStaysSmall(t *testing.T) {
	files, err := ui.Files()
	require.NoError(t, err)
	var size int64
	require.NoError(t, fs.WalkDir(files, ".", func(_ string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		if info, _ := entry.Info(); !entry.IsDir() {
			size += info.Size()
		}
		return nil
	}))
	assert.Less(t, size, int64(600<<10))
}

func TestAMissingBuildIsReported(t *testing.T) {
	_, err := New(fstest.MapFS{}, http.NotFoundHandler())
	require.ErrorContains(t, err, "index.html")
}
