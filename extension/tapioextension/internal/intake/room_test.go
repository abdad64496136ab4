// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRoomIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRoom(100)
		leave, err := r.Hold(t.Context(), 80)
		require.NoError(t, err)
		assert.EqualValues(t, 80, r.Taken())

		_, err = r.Hold(t.Context(), 101)
		refused := requireRefused(t, err, TooLarge)
		assert.Zero(t, refused.After, "it would be refused again")
		assert.Equal(t, codes.ResourceExhausted, refused.GRPCStatus().Code())
		assert.Empty(t, refused.GRPCStatus().Details())

		_, err = r.Hold(t.Context(), 30) // after two seconds, of this test's clock
		refused = requireRefused(t, err, Overload)
		assert.Positive(t, refused.After)
		assert.Len(t, refused.GRPCStatus().Details(), 1, "the time to wait")

		done := make(chan error)
		go func() {
			again, err := r.Hold(t.Context(), 30)
			if err == nil {
				again()
			}
			done <- err
		}()
		synctest.Wait()
		leave()
		require.NoError(t, <-done)
		assert.Zero(t, r.Taken())
		assert.Equal(t, map[string]uint64{TooLarge: 1, TooDeep: 0, Overload: 1}, r.Refused())
	})
}

// No more may wait than there is room for; beyond that requests are refused at once.
func TestFewWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRoom(100)
		leave, err := r.Hold(t.Context(), 100)
		require.NoError(t, err)
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("the sender is gone")
		ended := make(chan error)
		for range 2 {
			go func() {
				_, err := r.Hold(ctx, 50)
				ended <- err
			}()
		}
		synctest.Wait()
		_, err = r.Hold(t.Context(), 1)
		assert.Equal(t, Overload, requireRefused(t, err, Overload).Reason)
		cancel(gone)
		require.ErrorIs(t, <-ended, gone)
		require.ErrorIs(t, <-ended, gone)
		leave()
	})
}

func requireRefused(t *testing.T, err error, reason string) (refusal Error) {
	t.Helper()
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, reason, refused.Reason)
	return *refused
}

// A handler sees the body as it came, and the room is free once it has answered.
func TestHandler(t *testing.T) {
	var requests []string
	a := NewAdmission(NewRoom(1<<20), func(signal, transport string, took time.Duration) {
		assert.Positive(t, took)
		requests = append(requests, signal+" "+transport)
	})
	var got string
	handler := a.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = string(body)
		assert.NotZero(t, a.Room().Taken())
	}))
	for name, test := range map[string]struct {
		body, kind string
		code       int
	}{
		"a small request":   {`{"resourceLogs":[]}`, jsonType, http.StatusOK},
		"a long one":        {strings.Repeat(" ", 200<<10), jsonType, http.StatusOK},
		"too many objects":  {strings.Repeat("{}", 5000), jsonType, http.StatusRequestEntityTooLarge},
		"too many records":  {"\x0a\xd3\x1f\x12\xd0\x1f" + strings.Repeat("\x12\x00", 2024), protoType, http.StatusRequestEntityTooLarge},
		"no protobuf":       {"\xff\xff\xff", protoType, http.StatusOK}, // the receiver says what is wrong
		"another signal":    {strings.Repeat("x", 100_000), "text/plain", http.StatusRequestEntityTooLarge},
		"longer than bound": {strings.Repeat(" ", 1<<20), jsonType, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			got, requests = "", nil
			path, measured := "/v1/logs", []string{"logs http"}
			if test.kind == "text/plain" {
				path, measured = "/v1/other", nil
			}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(test.body))
			request.Header.Set("Content-Type", test.kind)
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			assert.Equal(t, test.code, answer.Code, "%s", answer.Body)
			assert.Equal(t, measured, requests)
			if test.code == http.StatusOK {
				assert.Equal(t, test.body, got)
			} else {
				assert.Empty(t, got)
				assert.Contains(t, answer.Body.String(), "limits::request_memory")
			}
			assert.Zero(t, a.Room().Taken())
		})
	}
}
