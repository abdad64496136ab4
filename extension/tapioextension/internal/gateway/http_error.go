// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// httpError answers a call that failed: the time to wait becomes Retry-After, and
// a request that is too large is distinguished from one that may be retried.
func httpError(
	ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error,
) {
	st := status.Convert(err)
	if wait, ok := retryDelay(st); ok {
		w.Header().Set("Retry-After", retrySeconds(wait))
	} else if st.Code() == codes.ResourceExhausted && r.URL.Path == sendPath {
		err = &runtime.HTTPStatusError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: err}
	}
	runtime.DefaultHTTPErrorHandler(ctx, mux, m, w, r, err)
}

// sendPath is the route of SendEventBatch.
const sendPath = "/v1/collectors:send"

func retryDelay(st *status.Status) (time.Duration, bool) {
	for _, detail := range st.Details() {
		if retry, ok := detail.(*errdetails.RetryInfo); ok {
			return retry.GetRetryDelay().AsDuration(), true
		}
	}
	return 0, false
}

// retrySeconds is a time to wait in whole seconds, as the header has it.
func retrySeconds(wait time.Duration) string {
	return strconv.Itoa(int((wait + time.Second - 1) / time.Second))
}
