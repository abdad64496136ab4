// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

const (
	instanceCost = 1024 // bytes of an instance with its counts and names
	// warmUp is for how long a new instance of a known service may be slow: caches are cold, and code is
	// not compiled yet.
	warmUp = 120 * model.Nanos(1e9)
)

// instance is one of the processes that a service runs as, distinguished by its resource attributes.
type instance struct {
	service          string
	pod, node, zone  string
	id, version      string
	address          string // of the pod, "" if unknown
	first, last      model.Nanos
	*baseline.Shares      // N: requests, Hits: failed, Sum: slow; nil once it is forgotten
	joined           bool // it started when the service was already known
}

// instanceOf returns the instance of a record.
func (g *graph) instanceOf(s *service, o *origin.Origin, t model.Nanos) *instance {
	h := uint64(hash.Seed)
	for _, part := range [...]string{o.Service, o.Pod, o.Node, o.Zone, o.Instance, o.Version} {
		h = hash.Text(h, part)
	}
	if found := g.instances.Get(h); found != nil {
		(*found).last = max((*found).last, t)
		return *found
	}
	return *g.instances.Put(h, &instance{
		service: s.name, pod: bound.Copy(o.Pod), node: bound.Copy(o.Node), zone: bound.Copy(o.Zone), id: bound.Copy(o.Instance), version: bound.Copy(o.Version), address: bound.Copy(o.Address),
		first: t, last: t, Shares: &baseline.Shares{}, joined: s.first != 0 && t > s.first+together,
	})
}

// warm reports whether the instance has run for long enough to judge its durations.
func (i *instance) warm(t model.Nanos) bool { return i == nil || !i.joined || t > i.first+warmUp }

// name is the name of the pod, the instance or the host, whichever is known.
func (i *instance) name() string { return cmp.Or(i.pod, i.id, i.node) }

// instancesOf returns the instances of a service that sent a record since a time.
func (g *graph) instancesOf(service string, since model.Nanos) []*instance {
	var list []*instance
	for _, held := range g.instances.All() {
		if i := *held; i.service == service && i.last >= since && i.Shares != nil {
			list = append(list, i)
		}
	}
	return list
}
