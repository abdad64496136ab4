// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	systemCost = 256
	systemKeys = 1024 // peers that are remembered with what they are
)

// noteSystem remembers what a peer is that a client span names: which database, which
// queue, or which host.
func (g *graph) noteSystem(peer string, s *model.Span) {
	if peer == "" || g.systems.Get(peer) != nil {
		return
	}
	for _, key := range [...]string{semconv.DBSystemName, semconv.MessagingSystem, semconv.ServerAddress} {
		value := s.Attributes.FirstText(key, strings.TrimSuffix(key, ".name"))
		if value != "" {
			g.systems.Put(strings.Clone(peer), model.KeyValue{Key: key, Value: model.StringValue(bound.Copy(value))})
			return
		}
	}
}

// asPeer makes an entity of a service that sends nothing itself one of a peer, with
// what it is: its telemetry cannot be looked up, only that of its callers.
func (de *describer) asPeer(entity model.Entity) model.Entity {
	s := de.graph.services.Peek(entity.Name)
	if s != nil && ((*s).last != 0 || (*s).declared) || de.measures.reportsMetrics(entity.Name) {
		return entity
	}
	for peer, system := range de.graph.systems.All() {
		if de.graph.named(peer) == entity.Name {
			entity.Kind = model.EntityPeer
			entity.Attributes = append(entity.Attributes, *system)
			return entity
		}
	}
	return entity
}

// reportsMetrics reports whether there are metrics of a service.
func (ms *measures) reportsMetrics(service string) bool {
	for _, held := range ms.series.All() {
		if (*held).service.name == service {
			return true
		}
	}
	return false
}

// cacheSystems are the values of db.system.name that stand for caches, and words in the names of such.
func cacheSystems() []string {
	return []string{"redis", "valkey", "memcache", "keydb", "dragonfly", "hazelcast", "infinispan", "coherence", "cache"}
}

// isCache reports whether a service is a cache: by its system, or by its name if that is unknown.
func isCache(g *graph, service string) bool {
	kind := service
	for peer, system := range g.systems.All() {
		if g.named(peer) == service && system.Key == semconv.DBSystemName {
			kind = system.Value.Str()
			break
		}
	}
	return slices.ContainsFunc(cacheSystems(), func(word string) bool { return strings.Contains(strings.ToLower(kind), word) })
}
