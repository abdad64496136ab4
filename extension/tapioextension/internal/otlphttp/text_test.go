// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlphttp

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// receiver answers as the OTLP receiver does.
func receiver(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case string(body) == "inexpressible":
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"code": 13, "message": "failed to marshal error message"}`)
	case string(body) == "broken":
		w.WriteHeader(http.StatusInternalServerError)
	case string(body) == "full":
		http.Error(w, "no memory", http.StatusInternalServerError)
	default:
		_, _ = w.Write(body)
	}
}

func TestBadTextIsTheSendersFault(t *testing.T) {
	for name, tc := range map[string]struct {
		contentType, body, want string
		status                  int
	}{
		"good":                   {"application/json", `{"a":"ü"}`, `{"a":"ü"}`, 200},
		"long":                   {"application/json", strings.Repeat("ü", 10_000), strings.Repeat("ü", 10_000), 200},
		"bad":                    {"application/json", "{\"a\":\"\xff\"}", "not UTF-8", 400},
		"bad at the end":         {"application/json; charset=utf-8", strings.Repeat("x", 9_999) + "\xc3", "not UTF-8", 400},
		"unable to say why":      {"application/json", "inexpressible", "not OTLP in JSON", 400},
		"another fault":          {"application/json", "full", "no memory", 500},
		"a fault without a body": {"application/json", "broken", "", 500},
		"protobuf":               {"application/x-protobuf", "\xff", "\xff", 200},
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/logs", strings.NewReader(tc.body))
		r.Header.Set("Content-Type", tc.contentType)
		w := httptest.NewRecorder()
		RefuseBadText(http.HandlerFunc(receiver)).ServeHTTP(w, r)
		assert.Equal(t, tc.status, w.Code, name)
		assert.Contains(t, w.Body.String(), tc.want, name)
	}
}

func TestFormsAreRefused(t *testing.T) {
	for contentType, want := range map[string]int{
		"application/json": 200, "application/x-protobuf": 200, "": 200,
		"text/plain;charset=UTF-8": 415, "application/x-www-form-urlencoded": 415, "Multipart/Form-Data; boundary=x": 415,
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/logs", strings.NewReader("{}"))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		RefuseForms(http.HandlerFunc(receiver)).ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, contentType)
	}
}
