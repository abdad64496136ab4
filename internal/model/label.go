// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import "github.com/tapio/tapio/internal/semconv"

// scopeLabel is the short name for the instrumentation scope's name.
const scopeLabel = "scope"

// conventions resolves a short label name to the semantic conventions it stands
// for, the preferred one first; nil for a name that stands for itself alone.
func conventions(key string) []string {
	switch key {
	case "service":
		return []string{semconv.ServiceName}
	case "namespace":
		return []string{semconv.K8sNamespaceName, semconv.ServiceNamespace}
	case "pod":
		return []string{semconv.K8sPodName}
	case "node":
		return []string{semconv.K8sNodeName}
	case "container":
		return []string{semconv.K8sContainerName, semconv.ContainerName}
	case "host":
		return []string{semconv.HostName}
	case "cluster":
		return []string{semconv.K8sClusterName}
	case "deployment":
		return []string{semconv.K8sDeploymentName}
	case "environment":
		return []string{semconv.DeploymentEnvironmentName}
	case "version":
		return []string{semconv.ServiceVersion}
	case "instance":
		return []string{semconv.ServiceInstanceID}
	default:
		return nil
	}
}

// LabelKey is a label name, resolved once so that looking it up on a record
// costs no more than the comparison of keys.
type LabelKey struct {
	name    string
	aliases []string
}

// NewLabelKey resolves a label name, short or full.
func NewLabelKey(name string) LabelKey {
	return LabelKey{name: name, aliases: conventions(name)}
}

// Name returns the name as it was given.
func (k LabelKey) Name() string { return k.name }

// Names returns the attributes that the label may be, the preferred one first.
func (k LabelKey) Names() []string { return append([]string{k.name}, k.aliases...) }

// Labels are the attributes that a record can be selected by: its own, its
// scope's and its resource's.
type Labels struct {
	Record   Attributes
	Scope    *Scope
	Resource *Resource
}

// Get returns the label: an attribute of that very name if there is one, else
// the first convention that the name stands for.
func (l Labels) Get(key LabelKey) (Value, bool) {
	if v, ok := l.Attribute(key.name); ok {
		return v, true
	}
	for _, alias := range key.aliases {
		if v, ok := l.Attribute(alias); ok {
			return v, true
		}
	}
	if key.name == scopeLabel && l.Scope != nil && l.Scope.Name != "" {
		return StringValue(l.Scope.Name), true
	}
	return Value{}, false
}

// Attribute returns the attribute of this very name: the record's own, else its
// scope's, else its resource's.
func (l Labels) Attribute(name string) (Value, bool) {
	if v, ok := l.Record.Get(name); ok {
		return v, true
	}
	if l.Scope != nil {
		if v, ok := l.Scope.Attributes.Get(name); ok {
			return v, true
		}
	}
	if l.Resource != nil {
		return l.Resource.Attributes.Get(name)
	}
	return Value{}, false
}

// Labels returns what the event can be selected by.
func (e *Event) Labels() Labels {
	return Labels{Record: e.Attributes, Scope: e.Scope, Resource: e.Resource}
}

// Labels returns what the span can be selected by.
func (s *Span) Labels() Labels {
	return Labels{Record: s.Attributes, Scope: s.Scope, Resource: s.Resource}
}

// Labels returns what the series can be selected by.
func (s *Series) Labels() Labels {
	return Labels{Record: s.Attributes, Scope: s.Scope, Resource: s.Resource}
}

// Service returns the resource's service.name, "" for none.
func (r *Resource) Service() string {
	v, _ := r.Attributes.Get(semconv.ServiceName)
	return v.Text()
}
