// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package api answers the services of the contract from the store: one type a service. It
// translates with internal/protoconv and holds no data itself; what happens before a call
// reaches its service is the work of the packages calls, auth, admission and gateway.
package api

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/tapio/tapio/extension/tapioextension/internal/admission"
	"github.com/tapio/tapio/extension/tapioextension/internal/auth"
	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/extension/tapioextension/internal/cost"
	"github.com/tapio/tapio/extension/tapioextension/internal/dedup"
	"github.com/tapio/tapio/extension/tapioextension/internal/fanout"
	"github.com/tapio/tapio/extension/tapioextension/internal/fleet"
	"github.com/tapio/tapio/extension/tapioextension/internal/gateway"
	"github.com/tapio/tapio/extension/tapioextension/internal/ingest"
	"github.com/tapio/tapio/extension/tapioextension/internal/intake"
	"github.com/tapio/tapio/extension/tapioextension/internal/notify"
	"github.com/tapio/tapio/extension/tapioextension/internal/slo"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
	"github.com/tapio/tapio/internal/store"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

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
	Limits       admission.Limits
	Access       auth.Access
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
	Observe ingest.Observe
	// Links are what the front page names besides the API.
	Links []gateway.Link
	// Trouble is what the components of the collector say is wrong; nil: nothing.
	Trouble func() []Trouble
	// Panicked is called for each panic that was recovered; it may be nil.
	Panicked func(err error)
	Logger   *zap.Logger
	Now      func() time.Time
}

// Server is the services, and what they share.
type Server struct {
	Calls    *calls.Calls
	Events   *ingest.Events
	Profiles *ingest.Profiles
	Gateway  *gateway.Gateway
	options  Options
	streams  *streams
	findings *findings
	analyzer *analyzer
	fleet    *fleetAccess
	audit    *auditor
	info     *info
	health   *health.Server
}

// streams is what the live streams share.
type streams struct {
	readers *fanout.Readers
	encoder *fanout.Encoder
}

// New makes the services. They answer once SetServing(true) is called.
func New(options Options) *Server {
	s := &Server{options: options, health: health.NewServer()}
	guard, writes := auth.NewGuard(options.Access), admission.NewWrites(options.Limits, options.Now)
	s.Calls = calls.New(calls.Options{
		Guard: guard, Admission: writes, Limits: options.Limits, ID: options.ID,
		MaxReceiveMessageBytes: options.MaxReceiveMessageBytes, Panicked: options.Panicked,
	})
	s.Events = ingest.NewEvents(ingest.Options{
		Calls: s.Calls, Admission: writes, Limits: options.Limits, Seen: options.Seen, Shared: options.Shared, Intake: options.Intake,
		Fleet: options.Fleet, MaxReceiveMessageBytes: options.MaxReceiveMessageBytes, Observe: options.Observe, Now: options.Now,
	})
	s.Profiles = ingest.NewProfiles(s.Calls, options.Intake)
	started := options.Now()
	s.Gateway = gateway.New(gateway.Options{
		Calls: s.Calls, Bodies: admission.NewRoom(options.Limits.InFlightBytes), MaxBodyBytes: options.MaxBodyBytes,
		Name: options.Name, Version: options.Version, Started: started, Links: options.Links,
	})
	s.streams = &streams{
		readers: fanout.NewReaders(options.Limits.ReaderBytes, options.Limits.ReaderLag, options.Now),
		encoder: fanout.NewEncoder(options.Store.Identify),
	}
	s.findings = &findings{store: options.Store, notifier: options.Notifier}
	s.analyzer = newAnalyzer(options.Store)
	s.audit = &auditor{events: s.Events, logger: options.Logger, name: options.Name, version: options.Version, now: options.Now}
	s.fleet = &fleetAccess{registry: options.Fleet, guard: guard, audit: s.audit}
	s.info = &info{
		Store: options.Store, Figures: options.Figures, Events: s.Events, Name: options.Name, Version: options.Version, Started: started,
		MaxAge: options.MaxAge, MaxReceiveMessageBytes: options.MaxReceiveMessageBytes, Trouble: options.Trouble,
	}
	s.SetServing(false)
	return s
}

// Register adds the services, gRPC's health service and reflection.
func (s *Server) Register(server *grpc.Server) {
	tapiov1.RegisterTapioServiceServer(server, s.tapio())
	server.RegisterService(collectorServiceDesc(), &collectorService{events: s.Events, fleet: s.fleet, info: s.info, now: s.options.Now})
	tapiov1.RegisterObservabilityServiceServer(server, s.observability())
	tapiov1.RegisterOperationsServiceServer(server, s.operations())
	grpc_health_v1.RegisterHealthServer(server, s.health)
	reflection.Register(server)
}

func (s *Server) tapio() *tapioService {
	return &tapioService{
		store: s.options.Store, events: s.Events, streams: s.streams, findings: s.findings, analyzer: s.analyzer, info: s.info, now: s.options.Now,
	}
}

func (s *Server) observability() *observabilityService {
	o := &s.options
	return &observabilityService{
		store: o.Store, symbols: o.Symbols, uploads: s.Profiles, streams: s.streams, audit: s.audit, now: o.Now,
		profiles: &profileAnalyzer{store: o.Store, findings: s.findings, now: o.Now},
	}
}

func (s *Server) operations() *operationsService {
	o := &s.options
	return &operationsService{
		store: o.Store, notifier: o.Notifier, slos: o.SLOs, prices: o.Prices, archive: o.Archive, events: s.Events, audit: s.audit, now: o.Now,
	}
}

// SetServing sets what health checks answer: whether the pipelines run.
func (s *Server) SetServing(serving bool) {
	status := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if serving {
		status = grpc_health_v1.HealthCheckResponse_SERVING
	}
	for _, service := range append(serviceNames(), "") {
		s.health.SetServingStatus(service, status)
	}
	s.Calls.SetServing(serving)
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
	s.Calls.End()
}

// MarkReaders notes how far each signal has come. It is to be called every second.
func (s *Server) MarkReaders() {
	for _, stats := range s.options.Figures.Stats() {
		s.streams.readers.Mark(stats.Signal, stats.LastSeq)
	}
}

// Lags is how far behind the readers of each signal are.
func (s *Server) Lags() map[string]fanout.Lag {
	last := map[string]uint64{}
	for _, stats := range s.options.Figures.Stats() {
		last[stats.Signal] = stats.LastSeq
	}
	return s.streams.readers.Lags(last)
}

// CollectorStates counts the registered collectors by the name of their state.
func (s *Server) CollectorStates() map[string]uint64 { return stateNames(s.options.Fleet.States()) }

// LeftCollectors counts the registrations that ended, by reason.
func (s *Server) LeftCollectors() map[string]uint64 { return s.options.Fleet.Left() }

func stateNames(states map[tapiov1.Collector_State]uint64) map[string]uint64 {
	named := map[string]uint64{}
	for state, n := range states {
		named[state.String()] += n
	}
	return named
}

// LatestFindings returns one page of findings, each in its latest revision.
func (s *Server) LatestFindings(ctx context.Context, query *model.FindingQuery) (model.Page[model.Finding], error) {
	return s.findings.latest(ctx, query)
}

// FleetOf is the registry of collectors as the caller may use it, for what the gateway's
// Writers lets through.
func (s *Server) FleetOf(ctx context.Context) fleet.Caller { return s.fleet.of(ctx) }

// Unregister ends the registration of a collector, and records who did.
func (s *Server) Unregister(ctx context.Context, id string) error { return s.fleet.unregister(ctx, id) }

// implementedMethods are the methods of the contract, which are all implemented.
func implementedMethods() []string {
	var methods []string
	for _, desc := range services() {
		for _, m := range desc.Methods {
			methods = append(methods, desc.ServiceName+"/"+m.MethodName)
		}
		for _, m := range desc.Streams {
			methods = append(methods, desc.ServiceName+"/"+m.StreamName)
		}
	}
	slices.Sort(methods)
	return methods
}
