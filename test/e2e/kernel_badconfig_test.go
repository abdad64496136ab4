// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A configuration of the eBPF receiver that cannot work ends the process, with the
// key that is wrong and what to write instead. Where the decoder does not know a key,
// it lists those that exist.
func TestBadConfigurationOfTheKernelsReceiver(t *testing.T) {
	t.Parallel()
	const mend = "hint: "
	for set, says := range map[string][]string{
		"probes::dns::timeout=1ms":                   {"ebpf::probes::dns", "timeout: must be 100ms or more, is 1ms", "for example 5s"},
		"probes::dns::timeout=soon":                  {"probes.dns.timeout", "invalid duration", mend, "10s"},
		"probes::dns::max_names=5000":                {"ebpf::probes::dns", "max_names: must be from 0 to 1000, is 5000"},
		"probes::dns::maxnames=3":                    {"probes.dns", "maxnames", mend, "probes::dns: enabled, timeout, max_names"},
		"probes::tcp::retransmit_burst=0":            {"ebpf::probes::tcp", "retransmit_burst: must be 1 or more, is 0"},
		"probes::tcp::retransmit_burst=many":         {"probes.tcp.retransmit_burst", "uint32", mend},
		"probes::tcp::connection_spans=maybe":        {"probes.tcp.connection_spans", "bool", mend},
		"probes::http::ports=[80]":                   {"probes.http", "ports", mend, "probes::http: enabled, stalled_after, own"},
		"probes::http::own=7":                        {"probes.http.own", "bool", mend},
		"probes::redis::query_txt=true":              {"probes.redis", "query_txt", mend, "probes::redis: enabled, stalled_after, query_text"},
		"probes::tls::enabled=x":                     {"probes.tls.enabled", "bool", mend},
		"probes::kprobe::enabled=true":               {"probes", "kprobe", mend, "probes::process: enabled"},
		"probes::file::paths=[etc]":                  {"ebpf::probes::file", "paths[0]: must be absolute", `"etc"`},
		"probes::file::paths=[/a/../b]":              {"ebpf::probes::file", "paths[0]", `write "/b"`},
		"probes::file::exclude_paths=[/a*b]":         {"ebpf::probes::file", "exclude_paths[0]: may have a star at its end only"},
		"probes::syscall::waiting=[read, raed]":      {"ebpf::probes::syscall", "waiting[1]: must be the name of a system call", `"raed"`, "epoll_wait"},
		"probes::syscall::slow_threshold=-1s":        {"ebpf::probes::syscall", "slow_threshold: must be 0 for no events, or more, is -1s"},
		"probes::syscall::sample_one_in=3":           {"ebpf::probes::syscall", "sample_one_in: must be a power of two", "1024", "is 3"},
		"probes::syscall::exact_calls_per_second=-5": {"probes.syscall.exact_calls_per_second", "-5", mend},
		"probes::process::args_limit=5000":           {"ebpf::probes::process", "args_limit: must not be above 4096, is 5000"},
		`probes::process::redact=["("]`:              {"ebpf::probes::process", "redact[0]: must be a regular expression", "missing closing )"},
		"error_mode=panic":                           {"ebpf", "error_mode: must be ignore or propagate", `"panic"`},
		"ring_buffer_size=5MB":                       {"ebpf", "ring_buffer_size: must be a power of two from 64 KiB to 256 MiB", "for example 8MiB"},
		"ring_buffer_size=big":                       {"ring_buffer_size", `"big" is not a size in bytes`, "8MiB"},
		"collection_interval=1":                      {"ebpf", "collection_interval: must be 100ms or more, is 1ns", "for example 10s"},
		`logs::include=["nonsense ="]`:               {"ebpf", "logs::include: must be OTTL conditions", "nonsense ="},
		`metrics::include=["metric.nam == \"x\""]`:   {"ebpf", "metrics::include: must be OTTL conditions", "metric.nam"},
		`traces::exclude=["NoFunction(name)"]`:       {"ebpf", "traces::exclude: must be OTTL conditions", "NoFunction"},
		"logs::sampling_percent=0":                   {"ebpf", "logs::sampling_percent: must be above 0", "`enabled: false` for none"},
		"metrics::sampling_percent=10":               {"ebpf", "metrics::sampling_percent: must be left out"},
		"logs::max_per_second=-1":                    {"ebpf", "logs::max_per_second: must be 0 for no bound, or more, is -1"},
		"log::enabled=false":                         {"ebpf", "log", mend, "logs: enabled, include, exclude, sampling_percent, max_per_second"},
	} {
		t.Run(set, func(t *testing.T) {
			t.Parallel()
			code, output := runToEnd(t, kernelStandard, "--set=receivers::ebpf::"+set)
			require.Positive(t, code, "%s", output)
			for _, word := range says {
				require.Contains(t, lastError(output), word)
			}
			require.LessOrEqual(t, strings.Count(lastError(output), "receivers::ebpf"), 1, "it is logged once:\n%s", output)
		})
	}
}
