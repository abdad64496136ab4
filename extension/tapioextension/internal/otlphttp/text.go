// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlphttp answers bad requests of OTLP over HTTP as the protocol requires
// where the OTLP receiver answers 500.
package otlphttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"golang.org/x/text/encoding"
	"golang.org/x/text/transform"
)

// failedMessage is what the OTLP receiver answers, with 500, to a request that it
// cannot decode when the error quotes bytes of it that are not UTF-8: it cannot
// encode its own answer then.
const failedMessage = "failed to marshal error message"

const badText = `{"code":3,"message":"the body is not OTLP in JSON: a value is not of the type or range of its field, for example a negative count"}`

// RefuseBadText answers 400 to a JSON body that is not UTF-8, and where the
// receiver fails to say why it refuses one.
func RefuseBadText(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // the receiver refuses a bad one
		if media != "application/json" {
			next.ServeHTTP(w, r)
			return
		}
		r.Body = &textBody{Closer: r.Body, text: transform.NewReader(r.Body, encoding.UTF8Validator)}
		a := &answer{ResponseWriter: w}
		next.ServeHTTP(a, r)
		a.release(http.StatusInternalServerError)
	})
}

// RefuseForms answers 415 to the media types that a browser sends for any page
// without asking the server first. OTLP has none of them.
func RefuseForms(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		contentType := r.Header.Get("Content-Type")
		switch media, _, _ := mime.ParseMediaType(contentType); media {
		case "text/plain", "application/x-www-form-urlencoded", "multipart/form-data":
			http.Error(w, fmt.Sprintf("Content-Type: must be application/json or application/x-protobuf, is %q", contentType),
				http.StatusUnsupportedMediaType)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// textBody fails at the first byte that is not UTF-8.
type textBody struct {
	io.Closer
	text io.Reader
}

var errNotUTF8 = errors.New("the body is not UTF-8")

func (b *textBody) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if errors.Is(err, encoding.ErrInvalidUTF8) {
		err = errNotUTF8
	}
	return n, err
}

// answer holds a status of 500 back until the body says where it comes from.
type answer struct {
	http.ResponseWriter
	held bool
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	if a.held = status == http.StatusInternalServerError; !a.held {
		a.ResponseWriter.WriteHeader(status)
	}
}

func (a *answer) Write(data []byte) (int, error) {
	if a.held && bytes.Contains(data, []byte(failedMessage)) {
		a.release(http.StatusBadRequest)
		_, err := io.WriteString(a.ResponseWriter, badText)
		return len(data), err
	}
	a.release(http.StatusInternalServerError)
	return a.ResponseWriter.Write(data)
}

func (a *answer) release(status int) {
	if a.held {
		a.held = false
		a.ResponseWriter.WriteHeader(status)
	}
}
