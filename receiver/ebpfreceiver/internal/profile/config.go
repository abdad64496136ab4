// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import "fmt"

// Config is how to profile the programs of the host.
type Config struct {
	// Enabled runs the probe.
	Enabled bool `mapstructure:"enabled"`
	// Frequency is the number of samples per second and CPU. Use 0 where another profiler runs. Accepted:
	// 0 to 1000.
	Frequency uint32 `mapstructure:"frequency"`
	// CPUProfiler is what samples CPUs: `opentelemetry` is OpenTelemetry's eBPF profiler, which unwinds
	// without frame pointers and names functions of interpreters; `builtin` unwinds by frame pointers and
	// links samples to requests; `auto` is the former and, where that cannot run, the latter. Accepted:
	// `auto`, `opentelemetry`, `builtin`.
	CPUProfiler CPUProfiler `mapstructure:"cpu_profiler"`
	// CPUProfilerMemoryLimitMiB bounds the memory of OpenTelemetry's eBPF profiler, apart from files: a
	// program that maps a library of 500 MB makes it take hundreds of megabytes. Above it, it is ended.
	// Accepted: 32 to 65536.
	CPUProfilerMemoryLimitMiB uint32 `mapstructure:"cpu_profiler_memory_limit_mib"`
	// OffCPU also measures how long threads are blocked, and where.
	OffCPU bool `mapstructure:"off_cpu"`
	// ExactBlocksPerSecond is the rate of blocked threads per CPU above which some samples represent
	// several. Accepted: 10 to 50000.
	ExactBlocksPerSecond uint32 `mapstructure:"exact_blocks_per_second"`
}

// CPUProfiler is what samples CPUs.
type CPUProfiler string

// The profilers to choose from.
const (
	CPUProfilerAuto          CPUProfiler = "auto"
	CPUProfilerOpenTelemetry CPUProfiler = "opentelemetry"
	CPUProfilerBuiltin       CPUProfiler = "builtin"
)

const (
	maxFrequency = 1000
	// minExactBlocks is one in each window of bpf/profile.bpf.c, maxExactBlocks what
	// costs a tenth of a CPU.
	minExactBlocks = 10
	maxExactBlocks = 50_000
	// minProfilerMemory is about what the profiler takes on a host with few programs.
	minProfilerMemory = 32
	maxProfilerMemory = 65_536
)

// DefaultConfig costs less than a hundredth of the machine.
func DefaultConfig() Config {
	return Config{Enabled: true, Frequency: 20, CPUProfiler: CPUProfilerAuto, CPUProfilerMemoryLimitMiB: 80, OffCPU: true, ExactBlocksPerSecond: 100}
}

// Validate checks the bounds.
func (c *Config) Validate() error {
	switch {
	case !c.Enabled:
		return nil
	case c.Frequency > maxFrequency:
		return fmt.Errorf("frequency: must be from 0 to %d samples a second, is %d: write for example 20", maxFrequency, c.Frequency)
	case c.CPUProfiler != CPUProfilerAuto && c.CPUProfiler != CPUProfilerOpenTelemetry && c.CPUProfiler != CPUProfilerBuiltin:
		return fmt.Errorf("cpu_profiler: must be auto, opentelemetry or builtin, is %q", c.CPUProfiler)
	case c.CPUProfilerMemoryLimitMiB < minProfilerMemory || c.CPUProfilerMemoryLimitMiB > maxProfilerMemory:
		return fmt.Errorf("cpu_profiler_memory_limit_mib: must be from %d to %d, is %d", minProfilerMemory, maxProfilerMemory, c.CPUProfilerMemoryLimitMiB)
	case c.Frequency == 0 && !c.OffCPU:
		return fmt.Errorf("frequency: must not be 0 where off_cpu is false, for nothing would be profiled: write `enabled: false`")
	case c.OffCPU && (c.ExactBlocksPerSecond < minExactBlocks || c.ExactBlocksPerSecond > maxExactBlocks):
		return fmt.Errorf("exact_blocks_per_second: must be from %d to %d, is %d", minExactBlocks, maxExactBlocks, c.ExactBlocksPerSecond)
	}
	return nil
}
