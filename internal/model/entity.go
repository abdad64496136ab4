// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "github.com/tapio/tapio/internal/semconv"

// EntityKind is what kind of thing an Entity is.
type EntityKind uint8

// The kinds of entities.
const (
	EntityUnspecified EntityKind = iota
	EntityService                // named by service.name
	EntityPod
	EntityNode
	EntityContainer
	EntityProcess
	EntityOperation // a span name of a service
	EntityCode      // a place in the source code
	EntityPeer      // a remote that sends no telemetry itself
	EntityDevice    // a block device or volume
)

// String returns the kind as people write it.
func (k EntityKind) String() string {
	names := [...]string{
		"entity", "service", "pod", "node", "container", "process", "operation", "code", "peer", "device",
	}
	if int(k) >= len(names) {
		return names[EntityUnspecified]
	}
	return names[k]
}

// Entity is a thing that can be a cause or be hit by one.
type Entity struct {
	Kind EntityKind
	// Name is unique within the kind and the attributes.
	Name string
	// Attributes identify it by semantic convention, for example
	// k8s.namespace.name or process.pid. All are strings, no key comes twice.
	Attributes Attributes
}

// Service returns the service that the entity is or belongs to, "" if unknown.
func (e *Entity) Service() string {
	if e.Kind == EntityService {
		return e.Name
	}
	service, _ := e.Attributes.Get(semconv.ServiceName)
	return service.Str()
}

// IsZero reports whether there is no entity.
func (e *Entity) IsZero() bool {
	return e.Kind == EntityUnspecified && e.Name == "" && len(e.Attributes) == 0
}
