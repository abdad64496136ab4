// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import "github.com/tapio/tapio/internal/semconv"

// figure is what a metric measures of a workload.
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

// source is a metric with a figure. Of several that a workload has, the
// first counts: they measure the same.
type source struct {
	metric string
	figure figure
}

// sources are the names that contrib's kubeletstats, k8s_cluster, docker_stats and
// host_metrics receivers and the eBPF receiver write.
func sources() []source {
	return []source{
		{semconv.MetricContainerCPUUsage, cpuUsed},
		{semconv.MetricK8sContainerCPUUsage, cpuUsed},
		{semconv.MetricK8sPodCPUUsage, cpuUsed},
		{semconv.MetricContainerCPUTime, cpuSeconds},
		{semconv.MetricK8sPodCPUTime, cpuSeconds},
		{semconv.MetricProcessCPUTime, cpuSeconds},
		{semconv.MetricCPUTime, cpuSeconds},
		{semconv.MetricK8sContainerCPURequestOld, cpuRequested},
		{semconv.MetricK8sContainerCPURequest, cpuRequested},
		{semconv.MetricK8sContainerCPULimitOld, cpuLimited},
		{semconv.MetricK8sContainerCPULimit, cpuLimited},
		{semconv.MetricContainerMemoryWorkingSet, memoryUsed},
		{semconv.MetricK8sPodMemoryWorkingSet, memoryUsed},
		{semconv.MetricContainerMemoryUsage, memoryUsed},
		{semconv.MetricK8sPodMemoryUsage, memoryUsed},
		{semconv.MetricProcessMemoryUsage, memoryUsed},
		{semconv.MetricProcessMemoryRSS, memoryUsed},
		{semconv.MetricK8sContainerMemoryRequestOld, memoryRequest},
		{semconv.MetricK8sContainerMemoryRequest, memoryRequest},
		{semconv.MetricK8sContainerMemoryLimitOld, memoryLimit},
		{semconv.MetricK8sContainerMemoryLimit, memoryLimit},
	}
}
