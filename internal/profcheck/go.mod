// A test of go.opentelemetry.io/ebpf-profiler imports this module, which is not to be had from Go's proxy; `go mod tidy` needs the packages
// that tests of dependencies import. Nothing of it is compiled.
module github.com/open-telemetry/sig-profiling/profcheck

go 1.25
