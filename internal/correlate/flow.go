// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/hash"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Ordinary log lines (no error, no trace) show what a service does where nothing else does. A change
// of their rate is no fault by itself, but lines that are new, or that stopped, support an incident.

const (
	flowCost = 1280 // bytes of a flow with its history and names
	// flowGrain: while lines are sampled, at least this many must be expected in the sample, so that
	// lines left out by sampling do not count as missing.
	flowGrain = 10
)

// flow holds how often a service writes the ordinary lines of a template.
type flow struct {
	baseline.Tally
	service  *service
	template *logtemplate.Template
	warns    bool // its severity is warning
	strange  bool // it deviated when it was judged last
	seen     int64
	evidence ring
	noted    int64 // the newest bucket that has an exemplar
}

// lot samples ordinary lines, so that a flood of them has a bounded cost: slotParts lines of a bucket,
// as for spans.
type lot struct {
	sample  uint // one of 2^sample lines is kept
	taken   int
	thinned bool // sample grew in this bucket
}

// take counts a sampled line, and returns its weight.
func (l *lot) take() (weight float32) {
	weight = float32(uint64(1) << l.sample)
	if l.taken++; l.taken >= slotParts && l.sample < maxSample {
		l.sample++
		l.taken, l.thinned = 0, true
	}
	return weight
}

// endSlot doubles the share of sampled lines if there is enough headroom.
func (l *lot) endSlot() {
	if l.sample > 0 && !l.thinned && l.taken < slotParts/4 {
		l.sample--
	}
	l.taken, l.thinned = 0, false
}

// observeOrdinary takes a line without a trace whose severity is below error. Its text may still show
// that it is an error.
func (e *Engine) observeOrdinary(i int, ev *model.Event, s *service) {
	weight, text := e.logbook.lot.take(), logtemplate.LineOf(ev)
	level := logtemplate.SeverityOf(ev, text)
	if level >= model.SeverityError {
		e.observeError(i, ev, s, e.logbook.miner.By(s.name).Of(text), weight)
		return
	}
	f := e.logbook.flowFor(s, e.logbook.plain.By(s.name).Of(text))
	f.warns = f.warns || level == model.SeverityWarn
	slot := e.time.Of(ev.When())
	f.seen = max(f.seen, slot)
	f.Count(slot, weight)
	if slot != f.noted && f.notable(slot) {
		f.noted = slot
		ref := reference{uid: hash.UID(ev), trace: ev.TraceID, span: ev.SpanID, time: ev.When()}
		f.evidence.add(ref)
		e.mark(Mark{Index: i, UID: ref.uid, Template: f.template.Shown(), GroupID: e.book.groupOf(s.name)})
	}
}

// notable reports whether a line may become evidence. To make each line findable would cost the store
// more than the line itself.
func (f *flow) notable(slot int64) bool {
	fresh := f.Rate.Old.N == 0 && f.Rate.Oldest()-f.First >= baseline.MinKnown && slot >= f.First
	return f.warns || f.strange || fresh
}

func (b *logbook) flowFor(s *service, t *logtemplate.Template) *flow {
	key := lineKey{service: s.name, template: t.Text}
	if found := b.flows.Get(key); found != nil {
		return *found
	}
	return *b.flows.Put(key, &flow{Tally: baseline.Tally{First: b.time.Of(s.first)}, service: s, template: t, noted: -1})
}

// flowSign makes an anomaly of a line that is new, or ten times as frequent, or a tenth as frequent.
// It only supports incidents.
func (d *logDetector) flowSign(f *flow, slot int64) *sign {
	if slot-f.seen >= baseline.Recent {
		f.strange = false
		return nil
	}
	ch, novel := f.changed(slot, d.logbook.lot.sample)
	f.strange = ch.Ratio >= baseline.HintStrength
	if !f.strange {
		return nil
	}
	c := classLoad
	if f.warns && ch.After.Mean() > ch.Before.Mean() {
		c = classSymptom
	}
	s := newSign(d.time, f.service, c, f.template.Text, "", ch)
	s.strength = min(s.strength, baseline.NoAlarm)
	s.before, s.after, s.unit = math.Expm1(ch.Before.Mean()), math.Expm1(ch.After.Mean()), "per slot"
	s.text, s.brief = d.flowText(s, quote(f.template), novel)
	s.evidence = f.evidence.evidence(quote(f.template))
	return s
}

// changed returns the largest change: the line is new, more frequent or less frequent.
func (f *flow) changed(slot int64, sample uint) (ch baseline.ChangePoint, novel bool) {
	if fresh := f.Novelty(slot); fresh.Ratio > 0 {
		return fresh, true
	}
	more, less := f.Tenfold(slot, true), f.Tenfold(slot, false)
	if less.Ratio > more.Ratio && math.Expm1(less.Before.Mean()) >= flowGrain*math.Exp2(float64(sample)) {
		return less, false
	}
	return more, false
}

// quote returns a template in quotation marks, clipped.
func quote(t *logtemplate.Template) string {
	return "“" + bound.Text(logtemplate.Message(t.Shown()), 100) + "”"
}

// flowText describes the change, with and without figures.
func (d *logDetector) flowText(s *sign, line string, novel bool) (text, brief string) {
	minutes := float64(60e9) / float64(d.time.Width())
	switch {
	case novel:
		brief = fmt.Sprintf("%s logs %s, which it did not before", s.key.service, line)
		return brief + ", since " + clock(s.onset), brief
	case s.after > s.before:
		brief = fmt.Sprintf("%s logs %s far more often", s.key.service, line)
	default:
		brief = fmt.Sprintf("%s hardly logs %s any more", s.key.service, line)
	}
	return fmt.Sprintf("%s: %.0f times a minute instead of %.0f, since %s", brief, minutes*s.after, minutes*s.before, clock(s.onset)), brief
}

// programOf returns the program that wrote a line whose resource has no service name: the program in a
// syslog record, else the name of the log file. label selects its records; it is "" if the name does.
func programOf(ev *model.Event) (name, label string) {
	if name = ev.Attributes.FirstText(origin.ProgramKey); name != "" {
		return name, ""
	}
	for _, key := range [...]string{"appname", fileNameKey} {
		if name = ev.Attributes.FirstText(key); name != "" {
			return strings.TrimSuffix(name, ".log"), key + "=" + name
		}
	}
	if ev.Body.Kind() == model.KindMap {
		name = model.Attributes(ev.Body.Items()).FirstText("SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT") // fields of the systemd journal
	}
	return name, ""
}

// fileNameKey is the attribute in which the file log receiver stores the name of the file.
const fileNameKey = semconv.LogFileName
