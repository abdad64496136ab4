// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cost

// figure is what a metric tells of a workload.
type figure uint8

const (
	cpuUsed        figure = iota // in cores
	cpuSeconds                   // cumulative, of which the rate is used
	cpuRequested                 // in cores
	cpuLimited                   // in cores
	memoryUsed                   // in bytes
	memoryRequest                // in bytes
	memoryLimit                  // in bytes
	figuresTracked               // how many there are
)

// source is a metric that tells a figure. Of several that a workload has for use, the
// first counts: they measure the same.
type source struct {
	metric string
	figure figure
}

// sources are the names that contrib's kubeletstats, k8s_cluster, docker_stats and
// host_metrics receivers and the eBPF receiver write.
func sources() []source {
	return []source{
		{"container.cpu.usage", cpuUsed},
		{"k8s.container.cpu.usage", cpuUsed},
		{"k8s.pod.cpu.usage", cpuUsed},
		{"container.cpu.time", cpuSeconds},
		{"k8s.pod.cpu.time", cpuSeconds},
		{"process.cpu.time", cpuSeconds},
		{"tapio.cpu.time", cpuSeconds},
		{"k8s.container.cpu_request", cpuRequested},
		{"k8s.container.cpu.request", cpuRequested},
		{"k8s.container.cpu_limit", cpuLimited},
		{"k8s.container.cpu.limit", cpuLimited},
		{"container.memory.working_set", memoryUsed},
		{"k8s.pod.memory.working_set", memoryUsed},
		{"container.memory.usage", memoryUsed},
		{"k8s.pod.memory.usage", memoryUsed},
		{"process.memory.usage", memoryUsed},
		{"process.memory.rss", memoryUsed},
		{"k8s.container.memory_request", memoryRequest},
		{"k8s.container.memory.request", memoryRequest},
		{"k8s.container.memory_limit", memoryLimit},
		{"k8s.container.memory.limit", memoryLimit},
	}
}
