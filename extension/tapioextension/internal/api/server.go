// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package api answers the three services of the contract from the store: one
// file a service. It translates with internal/protoconv and holds no data itself.
package api

import (
	"crypto/rand"
	"strings"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/tapio/tapio/extension/tapioextension/internal/cost"
	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
	"github.com/tapio/tapio/extension/tapioextension/internal/fanout"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/extension/tapioextension/internal/intake"
	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Observe is called with the size of a batch in records, and how long it took.
type Observe func(records int, took time.Duration)

// Trouble is what is wrong with one component of the collector.
type Trouble struct {
	Component string // its kind and id
	Why       string
	Fatal     bool // the collector ends because of it
}

// Figures report how full the store is.
type Figures interface {
	Stats() []store.Stats
	Directory() store.DirectoryStats
	QueryStats() store.QueryStats
	Cardinality() []store.Cardinality
	Findings() map[string]uint64
}

// Options is what the services need. All fields but MaxAge are required.
type Options struct {
	Store   query.Reader
	Figures Figures // of the store
	// Symbols name frames of profiles; nil: the server keeps no profiles.
	Symbols SymbolStore
	// ID is of this run of the server, if it reads from others: a query that has passed
	// it is refused.
	ID                     string
	Name                   string
	Version                string
	MaxAge                 time.Duration // 0: no bound
	MaxReceiveMessageBytes int
	// MaxBodyBytes bounds a request over HTTP, and each message of a stream.
	MaxBodyBytes int
	Limits       Limits
	Access       Access
	Fleet        *fleet.Registry
	Seen         *dedup.Window
	// Shared are the batches that other servers stored too; nil: none are known.
	Shared   dedup.Shared
	Intake   *intake.Admission
	Notifier *notify.Manager
	SLOs     *slo.Tracker
	Prices   cost.Prices
	// Archive is read and restored from; nil: none is configured.
	Archive *ArchiveAccess
	// Observe is called for each batch, for the collector's own metrics.
	Observe Observe
	// Links are what the front page names besides the API.
	Links []Link
	// Trouble is what the components of the collector say is wrong; nil: nothing.
	Trouble func() []Trouble
	// Panicked is called for each panic that was recovered; it may be nil.
	Panicked func(err error)
	Logger   *zap.Logger
	Now      func() time.Time
}

// Server is the state that the services share.
type Server struct {
	Options
	analyses  chan struct{} // holds one for each analysis that runs
	unpacking chan struct{} // likewise for each uploaded profile that is unpacked
	uploads   profilePath
	started   time.Time
	ingest    ingest
	admission *admission
	turns     *query.Turns // of queries; nil: without bound
	bodies    *room        // of requests over HTTP, while they are decoded and answered
	readers   *fanout.Readers
	encoder   *fanout.Encoder
	pulse     pulse
	health    *health.Server
	calls     calls
	relay     string // see relayName
}

// New makes the services. They answer once SetServing(true) is called.
func New(options Options) *Server {
	s := &Server{
		Options: options, analyses: make(chan struct{}, maxAnalyses), unpacking: make(chan struct{}, 1),
		started: options.Now(), health: health.NewServer(),
		admission: newAdmission(options.Limits, options.Now), bodies: newRoom(options.Limits.InFlightBytes),
		readers: fanout.NewReaders(options.Limits.ReaderBytes, options.Limits.ReaderLag, options.Now),
		encoder: fanout.NewEncoder(options.Store.Identify),
		relay:   strings.ToLower(rand.Text()),
	}
	if options.Limits.Queries > 0 {
		s.turns = newTurns(options.Limits.Queries)
	}
	s.calls.init()
	s.SetServing(false)
	return s
}

// Register adds the services, gRPC's health service and reflection.
func (s *Server) Register(server *grpc.Server) {
	tapiov1.RegisterTapioServiceServer(server, &tapioService{Server: s})
	server.RegisterService(collectorServiceDesc(), &collectorService{Server: s})
	tapiov1.RegisterObservabilityServiceServer(server, &observabilityService{Server: s})
	tapiov1.RegisterOperationsServiceServer(server, &operationsService{Server: s})
	grpc_health_v1.RegisterHealthServer(server, s.health)
	reflection.Register(server)
}

// SetServing sets whether health checks report that the pipelines run.
func (s *Server) SetServing(serving bool) {
	status := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if serving {
		status = grpc_health_v1.HealthCheckResponse_SERVING
	}
	for _, service := range append(serviceNames(), "") {
		s.health.SetServingStatus(service, status)
	}
	s.calls.serving.Store(serving)
}

// services are those of the contract.
func services() []grpc.ServiceDesc {
	return []grpc.ServiceDesc{
		tapiov1.TapioService_ServiceDesc, tapiov1.CollectorService_ServiceDesc, tapiov1.ObservabilityService_ServiceDesc,
		tapiov1.OperationsService_ServiceDesc,
	}
}

// serviceNames are what a health check can ask for besides "", the whole server.
func serviceNames() (names []string) {
	for _, desc := range services() {
		names = append(names, desc.ServiceName)
	}
	return names
}

// EndStreams ends every live stream with UNAVAILABLE and refuses new ones.
func (s *Server) EndStreams() {
	s.health.Shutdown()
	s.calls.end()
}

func (s *Server) observeWrite(w fleet.Write, records int) {
	if s.Observe != nil {
		s.Observe(records, w.Took)
	}
}
