// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// linesOf are the lines that a run of an operation logs.
func (w *World) linesOf(s *serverSpan) {
	switch f := s.res.fail; {
	case s.own != nil && s.own.logged != "":
		text := lineText(w.traffic, s.own.logged, s.op.route)
		if s.own.code != "" && w.traffic.happens(0.5) {
			text += " at " + s.own.code
		}
		w.line(s.on, s.res.end, s.r, s.id, severityError, text)
	case f != nil && s.own == nil && w.traffic.happens(0.5):
		w.line(s.on, s.res.end, s.r, s.id, severityError, fmt.Sprintf("%s failed: %s", s.op.Name, f.message))
	case f == nil && w.traffic.happens(w.logged):
		w.line(s.on, s.res.end, s.r, s.id, severityInfo, lineText(w.traffic, s.op.template, s.op.Name))
	}
}

// lineText fills a template.
func lineText(c chance, template, name string) string {
	var values []any
	if strings.Contains(template, "%s") {
		values = append(values, name)
	}
	for range strings.Count(template, "%d") {
		values = append(values, c.IntN(100000))
	}
	return fmt.Sprintf(template, values...)
}

func (w *World) line(on *Instance, at int64, r *request, span [8]byte, severity plog.SeverityNumber, text string) {
	w.Lines++
	record := w.out.lines(w, on, w.arrival(on, at)).AppendEmpty()
	record.SetTimestamp(pcommon.Timestamp(at + on.skew))
	record.SetObservedTimestamp(pcommon.Timestamp(at + on.skew + second/20))
	record.SetSeverityNumber(severity)
	record.SetSeverityText(map[plog.SeverityNumber]string{severityInfo: "INFO", severityWarn: "WARN", severityError: "ERROR"}[severity])
	record.Body().SetStr(text)
	if r != nil && !on.Service.red {
		record.SetTraceID(r.trace)
		record.SetSpanID(span)
	}
}

// kernelEvent is what an agent on the node sees of a replica.
func (w *World) kernelEvent(on *Instance, at int64, name, text string, severity plog.SeverityNumber, put func(pcommon.Map)) {
	if !w.style.kernel {
		return
	}
	record := w.out.lines(w, on, at+second).AppendEmpty()
	record.SetTimestamp(pcommon.Timestamp(at))
	record.SetObservedTimestamp(pcommon.Timestamp(at))
	record.SetEventName(name)
	record.SetSeverityNumber(severity)
	record.Body().SetStr(text)
	record.Attributes().PutInt("process.pid", on.pid)
	record.Attributes().PutStr("process.executable.name", on.Service.Name)
	put(record.Attributes())
}
