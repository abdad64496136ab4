// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// maxName is the most bytes of a name that the engine keeps; longer ones are cut.
const maxName = 200

// kernelSource is the source label of the eBPF receiver.
const kernelSource = "ebpf"

// origin is what is known about the source of a record.
type origin struct {
	service, pod, node string
	zone, version      string
	namespace          string
	// workload is the Kubernetes workload, of a kind such as "deployment".
	workload, workloadKind string
	instance               string // service.instance.id
	address                string // of the pod
	cgroup                 string // "" for that of the whole host
	label                  string // selector for its records, "" if its name selects them
	// unnamed: the service is only the name of the host. Records about a process count for its program
	// instead.
	unnamed bool
	// onNode: the node differs from the host name that the program sees.
	onNode bool
	// observed: the kernel saw the requests, the program did not report them.
	observed bool
	// summary: a node sent it in place of spans.
	summary bool
	// declared: the service name was sent by the program.
	declared bool
	// instrumented: an OpenTelemetry SDK sent the record.
	instrumented bool
}

// of is the origin of records about a program.
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

// originOf reads a resource. A record without a service name counts for its pod, container, process or
// host, because these may have faults, too.
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
		case semconv.K8sPodIP:
			o.address = kv.Value.Str()
		case semconv.ServiceVersion:
			o.version = kv.Value.Str()
		case instanceKey:
			o.instance = kv.Value.Str()
		case semconv.K8sNodeName:
			o.node, o.onNode = kv.Value.Str(), true
		case semconv.HostName: // within a pod this is the name of the pod
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

// short cuts a name to maxName.
func short(s string) string {
	if len(s) > maxName {
		return s[:maxName]
	}
	return s
}

// kept is a copy that does not keep a larger text in memory.
func kept(s string) string { return strings.Clone(short(s)) }

// places caches the origins of the resources seen last, by pointer, because the records of a batch
// share them.
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

// forget releases the caller's memory.
func (p *places) forget() { p.resource = nil }
