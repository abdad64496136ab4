// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// maxName bounds each name that the engine keeps; what is longer is cut.
const maxName = 200

// kernelSource is the source of what the kernel's receiver reports.
const kernelSource = "ebpf"

// origin is what is known of the place that a record came from.
type origin struct {
	service, pod, node string
	zone, version      string
	namespace          string
	// workload is what Kubernetes runs it as, of a kind as in "deployment".
	workload, workloadKind string
	instance               string // service.instance.id
	cgroup                 string // "" for that of the whole host
	label                  string // selects its records, "" if its name does
	// unnamed says that the service is no more than the host's name: what tells
	// of a process goes by the name of its program.
	unnamed bool
	// onNode says that the node is not the host that the program sees.
	onNode bool
	// observed is set if the kernel saw the requests, and not the program itself.
	observed bool
	// summary is set if a node sent it in place of its spans.
	summary bool
	// declared says that it gave the name of its service itself.
	declared bool
	// instrumented is set if an OpenTelemetry SDK sent the record.
	instrumented bool
}

// of is the origin of what a program does.
func (o origin) of(program string) origin {
	if program != "" && (o.unnamed || o.service == "") {
		o.service, o.unnamed = short(program), false
	}
	return o
}

const (
	programKey = semconv.ProcessExecutableName
	cgroupKey  = semconv.ProcessLinuxCgroup

	instanceKey = semconv.ServiceInstanceID
)

// originOf reads a resource. A record without a service goes by its pod, its
// container, its process or its host, for a fault there is one too.
func originOf(r *model.Resource) origin {
	if r == nil {
		return origin{}
	}
	var o origin
	rest := [...]string{semconv.K8sDeploymentName, semconv.ContainerName, programKey}
	var fallback [len(rest)]string
	for i := range r.Attributes {
		kv := &r.Attributes[i]
		switch kv.Key {
		case semconv.ServiceName:
			o.service = kv.Value.Str()
			o.declared = o.service != "" && !strings.HasPrefix(o.service, "unknown_service")
		case semconv.Source:
			o.observed, o.summary = kv.Value.Str() == kernelSource, kv.Value.Str() == model.NodeSummarySource
		case semconv.TelemetrySDKLanguage:
			o.instrumented = true
		case semconv.K8sPodName:
			o.pod = kv.Value.Str()
		case semconv.ServiceVersion:
			o.version = kv.Value.Str()
		case instanceKey:
			o.instance = kv.Value.Str()
		case semconv.K8sNodeName:
			o.node, o.onNode = kv.Value.Str(), true
		case semconv.HostName: // within a pod that is the pod's
			if !o.onNode {
				o.node = kv.Value.Str()
			}
		case semconv.K8sNamespaceName:
			o.namespace = kv.Value.Str()
		case semconv.K8sDeploymentName, semconv.K8sStatefulsetName, semconv.K8sDaemonsetName:
			o.workload = kv.Value.Str()
			o.workloadKind = strings.TrimSuffix(strings.TrimPrefix(kv.Key, "k8s."), ".name")
		case semconv.CloudAvailabilityZone:
			o.zone = kv.Value.Str()
		case cgroupKey:
			o.cgroup = strings.TrimSuffix(kv.Value.Str(), "/")
		}
		for n, key := range rest {
			if kv.Key == key {
				fallback[n] = kv.Value.Str()
			}
		}
	}
	for _, name := range append([]string{o.pod}, fallback[:]...) {
		if o.service == "" || strings.HasPrefix(o.service, "unknown_service") {
			o.service = name
		}
	}
	if o.service == "" {
		o.service, o.unnamed = o.node, true
	}
	for _, name := range [...]*string{&o.service, &o.pod, &o.node, &o.zone, &o.version, &o.cgroup, &o.instance, &o.namespace, &o.workload} {
		*name = short(*name)
	}
	return o
}

// short cuts a name to its bound.
func short(s string) string {
	if len(s) > maxName {
		return s[:maxName]
	}
	return s
}

// kept is a copy that does not hold the memory of a larger text.
func kept(s string) string { return strings.Clone(short(s)) }

// places remembers the origins of the resources seen last, by pointer, for the
// records of a batch share them.
type places struct {
	resource *model.Resource
	origin   origin
}

func (p *places) of(r *model.Resource) *origin {
	if r != p.resource || r == nil {
		p.origin, p.resource = originOf(r), r
	}
	return &p.origin
}

// forget lets go of the caller's memory.
func (p *places) forget() { p.resource = nil }
