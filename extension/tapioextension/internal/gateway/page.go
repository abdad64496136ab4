// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"html/template"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
)

// frontPage is what a person sees who opens the address of the server.
const frontPage = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Name}} {{.Version}}</title>
<h1>{{.Name}} {{.Version}}</h1>
<p>An OpenTelemetry Collector that answers queries. This address serves its API as JSON over HTTP.</p>
<ul>
<li><a href="/openapi.json">openapi.json</a>: the description of the API (OpenAPI 3)</li>
<li><a href="/v1/health">/v1/health</a>, <a href="/v1/info">/v1/info</a></li>
{{range .Links}}<li><a href="{{.Path}}">{{.Path}}</a>: {{.Text}}</li>
{{end}}<li><a href="https://github.com/tapio/tapio/tree/main/docs">Documentation</a></li>
</ul>
</html>
`

// Link is a line of the front page.
type Link struct{ Path, Text string }

// serveFrontPage serves frontPage, with the name and the version of the server.
func (g *Gateway) serveFrontPage() (http.Handler, error) {
	page, err := template.New("front page").Parse(frontPage)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := page.Execute(&text, g.Options); err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", g.Started, strings.NewReader(text.String()))
	}), nil
}

// headAsGet answers HEAD as GET; the server leaves out the body.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.WithContext(r.Context()) // a copy
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// minGzip is the least length of an answer that is compressed.
const minGzip = 1 << 10

// compressed compresses answers for clients that accept it, but for streams: their
// messages are short and must not wait for more.
func compressed(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minGzip))
	if err != nil {
		return nil, err
	}
	packed := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if streamsAnswers(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		packed.ServeHTTP(w, r)
	}), nil
}

// streamsAnswers reports whether the answers of a path are lines of messages.
func streamsAnswers(path string) bool {
	_, verb, _ := strings.Cut(path, ":")
	switch verb {
	case "stream", "subscribe", "heartbeat", "export":
		return true
	default:
		return false
	}
}
