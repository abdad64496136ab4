// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// A resolver tries a name with each domain of its search path. With ndots:5, as in Kubernetes, each
// external name first fails with NXDOMAIN several times. These steps are no failure of the lookup;
// only the failure of the name itself is.

const (
	// maxSearched is the most missing names that are kept of a service, maxSearchedServices the most such
	// services.
	maxSearched         = 32
	maxSearchedServices = 256
	// searchedBytes is the most bytes of a name that are kept.
	searchedBytes = 255
)

// searched holds names that did not exist, the newest last.
type searched struct{ names []string }

// searchStep reports whether an event is about a name that a search path generated.
func (ke *kernelEvents) searchStep(ev *model.Event, s *service) bool {
	fault, _ := ev.Attributes.Get(semconv.ErrorType)
	question, _ := ev.Attributes.Get(semconv.DNSQuestionName)
	name := strings.ToLower(strings.TrimSuffix(question.Str(), "."))
	if fault.Str() != "NXDOMAIN" || name == "" || len(name) > searchedBytes {
		return false
	}
	known := ke.searched.Get(s.name)
	if known == nil {
		known = ke.searched.Put(s.name, &searched{})
	}
	step := ofSearchPath(name)
	for _, other := range (*known).names {
		step = step || triedAfter(name, other)
	}
	(*known).add(name)
	return step
}

func (s *searched) add(name string) {
	if slices.Contains(s.names, name) {
		return
	}
	if len(s.names) >= maxSearched {
		s.names = append(s.names[:0], s.names[1:]...)
	}
	s.names = append(s.names, strings.Clone(name))
}

// ofSearchPath reports whether a name ends in the domain of a cluster but does not have the form of
// its names: service.namespace.svc.domain, or that of a pod before it.
func ofSearchPath(name string) bool {
	host, found := strings.CutSuffix(name, ".cluster.local")
	if !found {
		return false
	}
	of, found := strings.CutSuffix(host, ".svc")
	dots := strings.Count(of, ".")
	return !found || dots < 1 || dots > 2
}

// triedAfter reports whether both are the same name with different domains of one search path, and a
// has one: api.example.cluster.local and api.example.svc.cluster.local, or api.example.
func triedAfter(a, b string) bool {
	if a == b {
		return false
	}
	if strings.HasPrefix(a, b+".") { // a is b with a domain
		return strings.Count(a[len(b)+1:], ".") >= 1
	}
	before := 0 // length of the common suffix, in whole labels
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '.' {
			before = i + 1
		}
	}
	if before == 0 {
		return false
	}
	x, y := a[before:], b[before:]
	return strings.Contains(x, ".") && strings.Contains(y, ".") && (strings.HasSuffix(x, "."+y) || strings.HasSuffix(y, "."+x))
}
