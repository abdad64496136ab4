// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package webui serves the web UI beside the API. The UI's files are the same for
// everyone and hold no data, so they are served before authentication; what the UI
// shows, it reads from the API with the credentials of the user.
package webui

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// Prefix is the path of the files that index.html loads.
const Prefix = "/ui/"

// policy lets a page load scripts, styles and data from this server only. uPlot and
// the layout set styles through the object model, which it does not forbid.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// isPage reports whether the UI shows paths that begin so; see ui/src/App.svelte.
func isPage(first string) bool {
	switch first {
	case "", "incidents", "map", "services", "logs", "kernel", "traces", "profiles", "metrics", "alerts", "slos", "fleet", "status":
		return true
	default:
		return false
	}
}

// file is one file of the UI.
type file struct {
	content     []byte
	contentType string
	etag        string
}

// Handler serves the UI and hands every other request on.
type Handler struct {
	files map[string]file
	next  http.Handler
}

// New reads the files of the UI, once. It returns an error if index.html is missing.
func New(files fs.FS, next http.Handler) (http.Handler, error) {
	h := &Handler{files: map[string]file{}, next: next}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		h.files[name] = file{content: content, contentType: mediaType(name), etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the web UI: %w", err)
	}
	if _, ok := h.files["index.html"]; !ok {
		return nil, fmt.Errorf("read the web UI: index.html: %w", fs.ErrNotExist)
	}
	return h, nil
}

// mediaType does not depend on what the host knows of media types.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".html":
		return "text/html; charset=utf-8"
	default:
		return mime.TypeByExtension(path.Ext(name))
	}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := h.name(r)
	if !ok {
		h.next.ServeHTTP(w, r)
		return
	}
	f, ok := h.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-cache") // names carry no version: the ETag decides
	header.Set("Content-Type", f.contentType)
	header.Set("ETag", f.etag)
	gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	})).ServeHTTP(w, r)
}

// name returns the file that answers the request; false: it is not for the UI. A path
// of a page is for the UI only if a browser navigates to it, so that programs that read
// the same path from the API are not affected.
func (h *Handler) name(r *http.Request) (string, bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "", false
	}
	if name, ok := strings.CutPrefix(r.URL.Path, Prefix); ok {
		return name, true
	}
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return "", false
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return "index.html", isPage(first)
}
