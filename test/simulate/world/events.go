// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Events that agents and SDKs send besides requests.

func pow(x, y float64) float64 { return math.Pow(x, y) }

func (w *World) dnsEvent(on *Instance, at int64, name, kind string) {
	w.kernelEvent(on, at, "tapio.dns.lookup_failed", fmt.Sprintf("%s: lookup of %s failed: %s", on.Service.Name, name, kind),
		map[bool]severityNumber{true: severityInfo, false: severityWarn}[kind == "NXDOMAIN"], func(a pcommon.Map) {
			a.PutStr("dns.question.name", name)
			a.PutStr("error.type", kind)
			a.PutStr("tapio.dns.question.type", "A")
		})
}

func (w *World) exitEvent(on *Instance, at int64, code int64) {
	w.kernelEvent(on, at, "tapio.process.exit", fmt.Sprintf("%s exited with code %d", on.Service.Name, code), severityInfo, func(a pcommon.Map) {
		a.PutInt("process.exit.code", code)
		a.PutStr("tapio.process.key", fmt.Sprintf("%d:%d", on.pid, on.started/second))
	})
}

func (w *World) execEvent(on *Instance, at int64, program string) {
	w.kernelEvent(on, at, "tapio.process.exec", on.Service.Name+" started "+program, severityInfo, func(a pcommon.Map) {
		a.PutStr("process.executable.name", program)
		a.PutStr("process.executable.path", "/usr/bin/"+program)
		a.PutInt("process.pid", on.pid+at/second%10000+1)
		a.PutInt("process.parent_pid", on.pid)
	})
}

func (w *World) oomEvent(on *Instance, at int64) {
	w.kernelEvent(on, at, "tapio.process.oom_kill", "the kernel killed "+on.Service.Name+": out of memory", severityError, func(a pcommon.Map) {
		a.PutInt("tapio.oom.cgroup.limit", int64(on.Service.limit))
		a.PutInt("tapio.oom.cgroup.usage", int64(on.Service.limit))
	})
}

// flagEvent is an evaluation of a feature flag whose variant changed, as the semantic conventions log it.
func (w *World) flagEvent(s *Service, at int64, key, variant string) {
	for _, on := range s.replicas {
		if on.gone {
			continue
		}
		w.Lines++
		record := w.out.lines(w, on, w.arrival(on, at)).AppendEmpty()
		record.SetTimestamp(pcommon.Timestamp(at))
		record.SetObservedTimestamp(pcommon.Timestamp(at))
		record.SetEventName("feature_flag.evaluation")
		record.SetSeverityNumber(severityInfo)
		record.Attributes().PutStr("feature_flag.key", key)
		record.Attributes().PutStr("feature_flag.result.variant", variant)
		record.Attributes().PutStr("feature_flag.result.reason", "targeting_match")
	}
}
