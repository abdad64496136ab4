// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
)

func boundedGateway(room, body int) *Gateway {
	return New(Options{MaxBodyBytes: body, Bodies: admission.NewRoom(room)})
}

func TestABodyTakesRoomUntilItIsAnswered(t *testing.T) {
	s := boundedGateway(1<<20, 1000)
	var held int64
	handler := s.BoundBodies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		held = s.Bodies.Taken()
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		assert.Equal(t, `{"a":[1,2]}`, string(body))
	}))
	r := httptest.NewRequest(http.MethodPost, "/v1/logs:query", strings.NewReader(`{"a":[1,2]}`))
	r.Header.Set("Content-Type", "application/json")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	assert.EqualValues(t, 11*copiesOfText+4*valueBytes, held)
	assert.Zero(t, s.Bodies.Taken())
}

func TestBodiesAreRefusedBeforeTheyAreDecoded(t *testing.T) {
	never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was decoded") })
	for name, body := range map[string]string{
		"long":           strings.Repeat(" ", 100_001),
		"of many values": "[" + strings.Repeat("1,", 20_000) + "1]",
	} {
		r := httptest.NewRequest(http.MethodPost, "/v1/logs:query", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		boundedGateway(1<<20, 100_000).BoundBodies(never).ServeHTTP(w, r)
		assert.Equal(t, http.StatusRequestEntityTooLarge, w.Code, name)
		assert.Contains(t, w.Body.String(), "send fewer records at once", name)
	}
}

func TestBodiesWaitForRoomForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := boundedGateway(1<<20, 1<<20)
		leave, err := s.Bodies.Enter(t.Context(), 1<<20)
		require.NoError(t, err)
		defer leave()
		never := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was decoded") })
		r := httptest.NewRequest(http.MethodPost, "/v1/logs:query", strings.NewReader(`{}`))
		w := httptest.NewRecorder()
		s.BoundBodies(never).ServeHTTP(w, r)
		assert.Equal(t, http.StatusTooManyRequests, w.Code)
		assert.Equal(t, "1", w.Header().Get("Retry-After"))
	})
}

func TestCountValues(t *testing.T) {
	for text, want := range map[string]int{
		"": 1, "{}": 2, `{"a":1}`: 2, `[1,2,3]`: 4, `[{},{}]`: 5, `"a,b[{\"c,"`: 1, `{"a,":"\\",}`: 3, `"\`: 1,
	} {
		assert.Equal(t, want, countValues([]byte(text)), text)
	}
}

// blocked is a body whose next part never comes, until it is interrupted.
type blocked struct{ interrupted chan struct{} }

func (b blocked) Read([]byte) (int, error) {
	<-b.interrupted
	return 0, context.Canceled
}

func (blocked) Close() error { return nil }

func TestTheEndOfAStreamWaitsForItsReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		interrupted := make(chan struct{})
		body := &requestStream{
			body: blocked{interrupted}, ctx: t.Context(), gateway: boundedGateway(1<<20, 1000), interrupt: func() { close(interrupted) },
		}
		body.held = admission.NewLease(body.gateway.Bodies)
		ended := make(chan error, 1)
		go func() {
			_, err := body.Read(make([]byte, 1))
			ended <- err
		}()
		synctest.Wait() // it reads
		body.end()
		assert.ErrorIs(t, <-ended, context.Canceled)
		_, err := body.Read(make([]byte, 1))
		assert.Equal(t, io.EOF, err)
	})
}

func TestMessagesOfAStreamAreBounded(t *testing.T) {
	s := boundedGateway(1<<20, 1000)
	decode := func(text string) (messages int, failure error) {
		body := &requestStream{body: io.NopCloser(strings.NewReader(text)), ctx: t.Context(), gateway: s, held: admission.NewLease(s.Bodies)}
		next := (&gatewayJSON{}).decodeRequests(body)
		for {
			var message map[string]any
			if next(&message) != nil {
				body.end()
				return messages, body.failure()
			}
			messages++
		}
	}
	message := func(n int) string { return `{"a":"` + strings.Repeat("x", n-8) + `"}` }
	n, err := decode(strings.Repeat(message(1000), 500))
	assert.NoError(t, err)
	assert.Equal(t, 500, n)
	n, err = decode(message(1000) + message(1001))
	assert.ErrorContains(t, err, "longer than 1000 bytes")
	assert.Equal(t, 1, n)
	n, err = decode(message(1000) + message(200_000))
	assert.ErrorContains(t, err, "longer than 1000 bytes")
	assert.Equal(t, 1, n)
	assert.Zero(t, s.Bodies.Taken())
}

func FuzzCountValues(f *testing.F) {
	f.Add([]byte(`{"a":[1,"b,",{}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		counted, found := countValues(text), 0
		tokens := json.NewDecoder(bytes.NewReader(text))
		for {
			token, err := tokens.Token()
			if err != nil {
				break
			}
			if bracket, ok := token.(json.Delim); !ok || bracket == '{' || bracket == '[' {
				found++
			}
		}
		if json.Valid(text) { // keys are no values of their own
			assert.LessOrEqual(t, counted, found+1)
			assert.GreaterOrEqual(t, 2*counted, found)
		}
	})
}
