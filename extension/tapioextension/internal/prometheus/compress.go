// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// compressed compresses answers above 1 KiB for those who take gzip, with writers that
// are used again. Prometheus' own handler, which makes one for each answer, finds nothing
// left to do.
func compressed(next http.Handler) http.Handler {
	return gzhttp.GzipHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.Header.Del("Accept-Encoding")
		next.ServeHTTP(w, r)
	}))
}
