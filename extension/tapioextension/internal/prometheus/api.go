// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/grafana/regexp"
	"github.com/klauspost/compress/snappy"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/route"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/scrape"
	v1 "github.com/prometheus/prometheus/web/api/v1"

	"github.com/tapio/tapio/internal/panics"
	"github.com/tapio/tapio/internal/query"
)

// engineVersion is the version of Prometheus whose engine and API these are; tools look at
// it to know what they can ask for. It goes with the module's version in go.mod.
const engineVersion = "3.13.2"

// Options is what the API needs. All fields are required.
type Options struct {
	Queryable *Queryable
	Engine    *promql.Engine
	Parser    parser.Parser
	Limits    Limits
	Turns     *Turns
	Rules     v1.RulesRetriever
	Version   string // of this program
	Logger    *slog.Logger
	Now       func() time.Time
	// Panicked is called for each panic that was recovered.
	Panicked func(error)
}

// API answers Prometheus' HTTP API.
type API struct {
	Options
	v1 http.Handler
}

// New makes the API.
func New(o Options) *API {
	a := &API{Options: o}
	started := a.Now()
	a.v1 = onDemand(func() http.Handler {
		router := route.New()
		a.newV1(started).Register(router.WithPrefix(prefix))
		return router
	})
	return a
}

// onDemand makes a handler with its first request. Prometheus' API renders a description
// of itself when it is made, 0.3 s of CPU that a collector no one queries need not take.
func onDemand(made func() http.Handler) http.Handler {
	once := sync.OnceValue(made)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { once().ServeHTTP(w, r) })
}

// prefix is that of all paths but /federate.
const prefix = "/api/v1"

// Handler serves the API at the root.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	v1 := compressed(a.v1)
	queries := a.inTurn(v1)
	for _, path := range []string{"query", "query_range", "query_exemplars", "labels", "series"} {
		mux.Handle("GET "+prefix+"/"+path, queries)
		mux.Handle("POST "+prefix+"/"+path, queries)
	}
	mux.Handle("GET "+prefix+"/label/{name}/values", queries)
	for _, path := range []string{"format_query", "parse_query"} {
		mux.Handle("GET "+prefix+"/"+path, v1)
		mux.Handle("POST "+prefix+"/"+path, v1)
	}
	for _, path := range []string{"rules", "alerts", "targets", "targets/metadata", "alertmanagers", "status/buildinfo", "status/runtimeinfo", "status/flags"} {
		mux.Handle("GET "+prefix+"/"+path, v1)
	}
	mux.Handle("GET "+prefix+"/metadata", a.inTurn(http.HandlerFunc(a.serveMetadata)))
	mux.Handle("POST "+prefix+"/read", a.inTurn(packed(a.v1)))
	mux.Handle("GET /federate", a.inTurn(http.HandlerFunc(a.serveFederate)))
	for _, path := range []string{"/-/healthy", "/-/ready"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "Tapio is up.\n") })
	}
	mux.HandleFunc("/", unknownPath)
	return a.contained(headAsGet(negotiated(mux)))
}

func unknownPath(w http.ResponseWriter, r *http.Request) {
	respondError(w, http.StatusNotFound, notFound, fmt.Errorf(
		"%s %s: this server has no such path of Prometheus' HTTP API: docs/how-to/prometheus.md lists those that it has", r.Method, r.URL.Path))
}

// headAsGet answers HEAD as GET; the server leaves out the body.
func headAsGet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.Clone(r.Context())
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

// negotiated leaves names unescaped for those who say that they take UTF-8.
func negotiated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accept := strings.ReplaceAll(strings.Join(r.Header.Values("Accept"), ","), " ", "")
		if strings.Contains(accept, model.EscapingKey+"="+model.AllowUTF8) {
			r = r.WithContext(WithUTF8(r.Context()))
		}
		next.ServeHTTP(w, r)
	})
}

// inTurn lets so many queries work at once. A query waits as long as it may take.
func (a *API) inTurn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, err := a.Turns.Enter(r.Context())
		switch {
		case errors.Is(err, context.Canceled):
			respondError(w, clientGone, canceled, err)
		case err != nil:
			respondError(w, http.StatusServiceUnavailable, timedOut, fmt.Errorf(
				"query timed out in query queue: %d queries are answered at once (prometheus::max_concurrency): retry, or raise it", a.Limits.Concurrency))
		default:
			defer leave()
			ctx, cancel := context.WithTimeout(r.Context(), a.Limits.Timeout)
			defer cancel()
			ctx, _ = query.WithNotes(ctx)
			next.ServeHTTP(w, r.WithContext(ctx))
		}
	})
}

// contained answers a request that panics, and reports it.
func (a *API) contained(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := panics.Catch(func() { next.ServeHTTP(w, r) }); err != nil {
			a.Panicked(fmt.Errorf("%s: %w", r.URL.Path, err))
			respondError(w, http.StatusInternalServerError, internal, errors.New("the server failed on this request; its log has the details"))
		}
	})
}

// packed gives a remote read request the compression back that the server took off it.
func packed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			respondError(w, http.StatusBadRequest, badData, fmt.Errorf("read the body: %w", err))
			return
		}
		if (&prompb.ReadRequest{}).Unmarshal(body) == nil {
			body = snappy.Encode(nil, body)
		}
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		next.ServeHTTP(w, r)
	})
}

// maxFrameBytes bounds the frames of a remote read that is streamed.
const maxFrameBytes = 1 << 20

func (a *API) newV1(started time.Time) *v1.API {
	none := func(context.Context) *nothing { return &nothing{} }
	build := &v1.PrometheusVersion{Version: engineVersion, Revision: a.Version, Branch: "tapio", GoVersion: runtime.Version()}
	return v1.NewAPI(a.Engine, a.Queryable, nil, nil, a.Queryable,
		func(ctx context.Context) v1.ScrapePoolsRetriever { return none(ctx) },
		func(ctx context.Context) v1.TargetRetriever { return none(ctx) },
		func(ctx context.Context) v1.AlertmanagerRetriever { return none(ctx) },
		func() config.Config { return config.Config{} }, map[string]string{},
		v1.GlobalURLOptions{}, func(next http.HandlerFunc) http.HandlerFunc { return next },
		nil, "", false, false, 0, a.Logger,
		func(context.Context) v1.RulesRetriever { return a.Rules },
		a.Limits.MaxSamples, a.Limits.Concurrency, maxFrameBytes, false,
		regexp.MustCompile(`^$`), // other origins are let in by the server's own configuration
		func() (v1.RuntimeInfo, error) {
			return v1.RuntimeInfo{StartTime: started, ServerTime: a.Now(), ReloadConfigSuccess: true, LastConfigTime: started, GOMAXPROCS: runtime.GOMAXPROCS(0)}, nil
		}, build, nil, nil, nil, nil, nil, false, nil, false, false, false, false,
		a.Limits.Lookback, false, false, nil, nil, v1.OpenAPIOptions{Version: engineVersion}, a.Parser)
}

// nothing is the targets and Alertmanagers of a server that scrapes nothing.
type nothing struct{}

// ScrapePools implements v1.ScrapePoolsRetriever.
func (*nothing) ScrapePools() []string { return []string{} }

// TargetsActive implements v1.TargetRetriever.
func (*nothing) TargetsActive() map[string][]*scrape.Target { return map[string][]*scrape.Target{} }

// TargetsDropped implements v1.TargetRetriever.
func (*nothing) TargetsDropped() map[string][]*scrape.Target { return map[string][]*scrape.Target{} }

// TargetsDroppedCounts implements v1.TargetRetriever.
func (*nothing) TargetsDroppedCounts() map[string]int { return map[string]int{} }

// ScrapePoolConfig implements v1.TargetRetriever.
func (*nothing) ScrapePoolConfig(name string) (*config.ScrapeConfig, error) {
	return nil, fmt.Errorf("unknown scrape pool %q: this server scrapes nothing", name)
}

// Alertmanagers implements v1.AlertmanagerRetriever.
func (*nothing) Alertmanagers() []*url.URL { return []*url.URL{} }

// DroppedAlertmanagers implements v1.AlertmanagerRetriever.
func (*nothing) DroppedAlertmanagers() []*url.URL { return []*url.URL{} }
