// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/model"
)

// A counter begins anew when who counts does: the process, its container, its
// host. Once is what each release does, and only supports; again and again is a
// crash loop. Each pod counts for itself, for a release restarts them in turn. What the
// kernel counts of a program begins again after a time without calls too, so it is no
// evidence; the kernel reports the end and the start of processes as events.

const restartPrefix = "\x01"

// begins reports whether a point tells that its series counts anew since last: by
// when its counting began, for of two replicas that report under one name each
// seems to fall back behind the other.
func begins(p *model.Point, last model.Nanos) bool { return last != 0 && p.Start >= last }

// restarted notes that a counter of a service began anew. All counters of a
// process do so at once, which is one restart.
func (e *Engine) restarted(s *series, t model.Nanos) {
	l := e.lineFor(s.service, &template{tokens: []string{"restart"}, text: restartPrefix + "restart " + s.pod})
	l.restarts = true
	if slot := e.slotOf(t); slot > l.noted.slot+1 || l.noted.n == 0 {
		l.noted.slot, l.noted.n = slot, 1
		l.rate.observe(slot, sample{n: 1})
		e.noteFirst(&l.showed, t)
	}
	l.metric = model.EvidenceRef{Kind: model.EvidenceMetric, ID: s.id, Time: t, Description: "counter reset"}
}

// tellRestarts makes a sign of a rate of restarts. No program is meant to begin anew
// three times within minutes: that is as unlikely as an error that was never seen.
func (s *sign) tellRestarts(l *line) {
	s.strength = min(maxStrength, s.strength+noveltyBonus)
	s.key.what = "restarts"
	s.text = fmt.Sprintf("%s restarts again and again: its counters were reset %d times since %s", s.key.service, s.count, clock(s.onset))
	s.brief = s.key.service + " restarts again and again"
	s.evidence = []model.EvidenceRef{l.metric}
}

// restartSign tells of the last restart, while it is recent.
func (e *Engine) restartSign(l *line, slot int64) *sign {
	at := l.metric.Time
	if slot-e.slotOf(at) >= recentSlots {
		return nil
	}
	return &sign{
		key:   signKey{service: l.service.name, class: classSymptom, what: "restart"},
		onset: at, last: at, strength: hintStrength, count: 1, pod: l.service.pod, node: l.service.node,
		text:     fmt.Sprintf("%s restarted at %s: its counters start from zero", l.service.name, clock(at)),
		evidence: []model.EvidenceRef{l.metric},
	}
}
