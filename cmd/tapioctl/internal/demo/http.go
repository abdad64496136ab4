// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"
)

// route is one operation of a service.
type route struct {
	pattern string // as http.ServeMux takes it
	handle  func(r *http.Request) error
}

// failure is an error with the HTTP status that it is answered with.
type failure struct {
	status int
	reason string
}

func (f failure) Error() string { return f.reason }

// unavailable answers a request with 502: what it needs failed.
func unavailable(err error) error { return failure{http.StatusBadGateway, err.Error()} }

// serveHTTP serves the routes until the context is done.
func (s *service) serveHTTP(ctx context.Context, listener net.Listener, routes []route) error {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.pattern, s.handler(r))
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	drained := make(chan struct{})
	context.AfterFunc(ctx, func() {
		defer close(drained)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(grace) // what is not answered by then is cut off
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	<-drained
	return server.Close()
}

// handler answers with what the route returns and, in instrumented services,
// reports each request as a span and in metrics.
func (s *service) handler(r route) http.Handler {
	name := handlerName(s.Service, r.pattern)
	plain := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		s.cpu.request(name)
		err := r.handle(request)
		var refused failure
		switch {
		case err == nil:
			_, _ = io.WriteString(w, "ok\n")
			return
		case errors.As(err, &refused):
		default:
			refused = failure{http.StatusInternalServerError, err.Error()}
		}
		if s.telemetry != nil {
			trace.SpanFromContext(request.Context()).RecordError(err)
			s.log.ErrorContext(request.Context(), r.pattern+" failed: "+err.Error())
		}
		http.Error(w, refused.reason, refused.status)
	})
	if s.telemetry == nil {
		return plain
	}
	return otelhttp.NewHandler(plain, r.pattern, otelhttp.WithTracerProvider(s.traces),
		otelhttp.WithMeterProvider(s.metrics), otelhttp.WithPropagators(s.propagation))
}

// newClient makes the HTTP client of the service.
func (s *service) newClient(timeout time.Duration) *http.Client {
	var transport http.RoundTripper = &http.Transport{
		DialContext: s.dialAgain, MaxIdleConnsPerHost: 16, IdleConnTimeout: 30 * time.Second,
	}
	if s.telemetry != nil {
		transport = otelhttp.NewTransport(transport, otelhttp.WithTracerProvider(s.traces),
			otelhttp.WithMeterProvider(s.metrics), otelhttp.WithPropagators(s.propagation),
			otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method }))
	}
	return &http.Client{Transport: transport, Timeout: timeout}
}

// call makes one request and returns an error for every status above 399.
func call(ctx context.Context, client *http.Client, method, url string) error {
	r, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20)); err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s", method, url, response.Status)
	}
	return nil
}

// retryDelay is short, for those who wait are many.
const retryDelay = 5 * time.Millisecond

// retry calls do until it succeeds, at most so many times.
func retry(ctx context.Context, attempts int, do func() error) error {
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil || attempt == attempts || ctx.Err() != nil {
			return err
		}
		work(ctx, retryDelay)
	}
}
