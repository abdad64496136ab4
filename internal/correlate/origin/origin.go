// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package origin reads from resources where records come from.
package origin

import (
	"strings"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// KernelSource is the source label of the eBPF receiver.
const KernelSource = "ebpf"

// Origin is what is known about the source of a record.
type Origin struct {
	Service, Pod, Node string
	Zone, Version      string
	Namespace          string
	// workload is the Kubernetes workload, of a kind such as "deployment".
	Workload, WorkloadKind string
	Instance               string // service.instance.id
	Address                string // of the pod
	Cgroup                 string // "" for that of the whole host
	Label                  string // selector for its records, "" if its name selects them
	// unnamed: the service is only the name of the host. Records about a process count for its program
	// instead.
	Unnamed bool
	// onNode: the node differs from the host name that the program sees.
	OnNode bool
	// observed: the kernel saw the requests, the program did not report them.
	Observed bool
	// summary: a node sent it in place of spans.
	Summary bool
	// declared: the service name was sent by the program.
	Declared bool
	// instrumented: an OpenTelemetry SDK sent the record.
	Instrumented bool
}

// Of is the origin of records about a program.
func (o Origin) Of(program string) Origin {
	if program != "" && (o.Unnamed || o.Service == "") {
		o.Service, o.Unnamed = bound.Name(program), false
	}
	return o
}

// Attributes that name a program, a cgroup and an instance.
const (
	ProgramKey = semconv.ProcessExecutableName
	CgroupKey  = semconv.ProcessLinuxCgroup

	InstanceKey = semconv.ServiceInstanceID
)

// Of reads a resource. A record without a service name counts for its pod, container, process or
// host, because these may have faults, too.
func Of(r *model.Resource) Origin {
	if r == nil {
		return Origin{}
	}
	var o Origin
	rest := [...]string{semconv.K8sDeploymentName, semconv.ContainerName, ProgramKey}
	var fallback [len(rest)]string
	for i := range r.Attributes {
		kv := &r.Attributes[i]
		switch kv.Key {
		case semconv.ServiceName:
			o.Service = kv.Value.Str()
			o.Declared = o.Service != "" && !strings.HasPrefix(o.Service, "unknown_service")
		case semconv.Source:
			o.Observed, o.Summary = kv.Value.Str() == KernelSource, kv.Value.Str() == model.NodeSummarySource
		case semconv.TelemetrySDKLanguage:
			o.Instrumented = true
		case semconv.K8sPodName:
			o.Pod = kv.Value.Str()
		case semconv.K8sPodIP:
			o.Address = kv.Value.Str()
		case semconv.ServiceVersion:
			o.Version = kv.Value.Str()
		case InstanceKey:
			o.Instance = kv.Value.Str()
		case semconv.K8sNodeName:
			o.Node, o.OnNode = kv.Value.Str(), true
		case semconv.HostName: // within a pod this is the name of the pod
			if !o.OnNode {
				o.Node = kv.Value.Str()
			}
		case semconv.K8sNamespaceName:
			o.Namespace = kv.Value.Str()
		case semconv.K8sDeploymentName, semconv.K8sStatefulsetName, semconv.K8sDaemonsetName:
			o.Workload = kv.Value.Str()
			o.WorkloadKind = strings.TrimSuffix(strings.TrimPrefix(kv.Key, "k8s."), ".name")
		case semconv.CloudAvailabilityZone:
			o.Zone = kv.Value.Str()
		case CgroupKey:
			o.Cgroup = strings.TrimSuffix(kv.Value.Str(), "/")
		}
		for n, key := range rest {
			if kv.Key == key {
				fallback[n] = kv.Value.Str()
			}
		}
	}
	for _, name := range append([]string{o.Pod}, fallback[:]...) {
		if o.Service == "" || strings.HasPrefix(o.Service, "unknown_service") {
			o.Service = name
		}
	}
	if o.Service == "" {
		o.Service, o.Unnamed = o.Node, true
	}
	for _, name := range [...]*string{&o.Service, &o.Pod, &o.Node, &o.Zone, &o.Version, &o.Cgroup, &o.Instance, &o.Namespace, &o.Workload} {
		*name = bound.Name(*name)
	}
	return o
}

// Cache caches the origins of the resources seen last, by pointer, because the records of a batch
// share them.
type Cache struct {
	resource *model.Resource
	origin   Origin
}

// Of is the origin of a resource. It is valid until the next call.
func (p *Cache) Of(r *model.Resource) *Origin {
	if r != p.resource || r == nil {
		p.origin, p.resource = Of(r), r
	}
	return &p.origin
}

// Forget releases the caller's memory.
func (p *Cache) Forget() { p.resource = nil }
