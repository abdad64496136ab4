// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/model"
)

// A counter is reset when the process, container or host that counts restarts. One restart is part of
// every release and only supports an incident; repeated restarts are a crash loop. Pods are counted
// separately, because a release restarts them one after the other. Kernel metrics of a program are
// also reset after a time without calls, so they are no evidence of restarts; the kernel reports the
// start and end of processes as events.

const restartPrefix = "\x01"

// begins reports whether a point's series was reset since the time last. It goes by the start time,
// because the values of two replicas with the same attributes seem to decrease in turn.
func begins(p *model.Point, last model.Nanos) bool { return last != 0 && p.Start >= last }

// restarted records the reset of a counter. All counters of a process are reset at once, which is one
// restart.
func (b *logbook) restarted(s *series, t model.Nanos) {
	l := b.lineFor(s.service, &logtemplate.Template{Tokens: []string{"restart"}, Text: restartPrefix + "restart " + s.pod})
	l.restarts = true
	if slot := b.time.Of(t); slot > l.noted.slot+1 || l.noted.n == 0 {
		l.noted.slot, l.noted.n = slot, 1
		l.Rate.Observe(slot, baseline.Sample{N: 1})
		b.time.NoteFirst(&l.showed, t)
	}
	l.metric = model.EvidenceRef{Kind: model.EvidenceMetric, ID: s.id, Time: t, Description: "counter reset"}
}

// describeRestarts makes an anomaly of a rate of restarts. Three restarts within minutes are as unlikely
// by chance as an error that was never seen.
func (s *sign) describeRestarts(l *line) {
	s.strength = min(baseline.MaxStrength, s.strength+noveltyBonus)
	s.key.what = "restarts"
	s.text = fmt.Sprintf("%s restarts again and again: its counters were reset %d times since %s", s.key.service, s.count, clock(s.onset))
	s.brief = s.key.service + " restarts again and again"
	s.evidence = []model.EvidenceRef{l.metric}
}

// restartSign makes an anomaly of the last restart, if it is recent.
func (d *logDetector) restartSign(l *line, slot int64) *sign {
	at := l.metric.Time
	if slot-d.time.Of(at) >= baseline.Recent {
		return nil
	}
	return &sign{
		key:   signKey{service: l.service.name, class: classSymptom, what: "restart"},
		onset: at, last: at, strength: baseline.HintStrength, count: 1, pod: l.service.pod, node: l.service.node,
		text:     fmt.Sprintf("%s restarted at %s: its counters start from zero", l.service.name, clock(at)),
		evidence: []model.EvidenceRef{l.metric},
	}
}
