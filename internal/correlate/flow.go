// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Ordinary lines, which are no errors and belong to no trace, tell what a service
// does where nothing else does. That they change is no fault; but what a service
// never said before, or says no more, is what people look for beside its errors.

const (
	flowCost = 1280 // bytes of a flow with its history and names
	// flowGrain is how many lines must be expected in the sample where lines are
	// chosen by lot, lest some that were left out pass for some that are missing.
	flowGrain = 10
)

// flow is how often a service writes the ordinary lines of a template.
type flow struct {
	tally
	service  *service
	template *template
	warns    bool // of severity warning
	strange  bool // when it was judged last
	seen     int64
	evidence ring
	noted    int64 // the slot that there is evidence of
}

// lot chooses some of the ordinary lines, so that a flood of them costs no more
// than it tells: as many of a slot as spans are looked at.
type lot struct {
	sample  uint // one of 2^sample lines
	taken   int
	thinned bool // in this slot
}

// take counts a line that is looked at, and says as how many it counts.
func (l *lot) take() (weight float32) {
	weight = float32(uint64(1) << l.sample)
	if l.taken++; l.taken >= slotParts && l.sample < maxSample {
		l.sample++
		l.taken, l.thinned = 0, true
	}
	return weight
}

// endSlot takes twice as many lines again when there is room for them.
func (l *lot) endSlot() {
	if l.sample > 0 && !l.thinned && l.taken < slotParts/4 {
		l.sample--
	}
	l.taken, l.thinned = 0, false
}

// observeOrdinary takes a line without a trace, and without a severity that makes
// it an error; its text may.
func (e *Engine) observeOrdinary(i int, ev *model.Event, s *service) {
	weight, text := e.lot.take(), lineOf(ev)
	level := severityOfLine(ev, text)
	if level >= model.SeverityError {
		e.observeError(i, ev, s, e.miner.by(s.name).of(text), weight)
		return
	}
	f := e.flowFor(s, e.plain.by(s.name).of(text))
	f.warns = f.warns || level == model.SeverityWarn
	slot := e.slotOf(ev.When())
	f.seen = max(f.seen, slot)
	f.count(slot, weight)
	if slot != f.noted && f.notable(slot) {
		f.noted = slot
		ref := reference{uid: uidOf(ev), trace: ev.TraceID, span: ev.SpanID, time: ev.When()}
		f.evidence.add(ref)
		e.mark(Mark{Index: i, UID: ref.uid, Template: f.template.shown(), GroupID: e.groupOf(s.name)})
	}
}

// notable reports whether a line may become evidence: to name each would cost the
// store more than to hold it.
func (f *flow) notable(slot int64) bool {
	fresh := f.rate.old.n == 0 && f.rate.oldest()-f.first >= minKnown && slot >= f.first
	return f.warns || f.strange || fresh
}

func (e *Engine) flowFor(s *service, t *template) *flow {
	key := lineKey{service: s.name, template: t.text}
	if found := e.flows.get(key); found != nil {
		return *found
	}
	return *e.flows.put(key, &flow{tally: tally{first: e.slotOf(s.first)}, service: s, template: t, noted: -1})
}

// flowSign tells that a service writes a line that it never wrote before, or ten
// times as often, or a tenth as often. It only supports.
func (e *Engine) flowSign(f *flow, slot int64) *sign {
	if slot-f.seen >= recentSlots {
		f.strange = false
		return nil
	}
	ch, novel := f.changed(slot, e.lot.sample)
	f.strange = ch.ratio >= hintStrength
	if !f.strange {
		return nil
	}
	c := classLoad
	if f.warns && ch.after.mean() > ch.before.mean() {
		c = classSymptom
	}
	s := e.newSign(f.service, c, f.template.text, "", ch)
	s.strength = min(s.strength, noAlarm)
	s.before, s.after, s.unit = math.Expm1(ch.before.mean()), math.Expm1(ch.after.mean()), "per slot"
	s.text, s.brief = e.flowText(s, quote(f.template), novel)
	s.evidence = f.evidence.evidence(quote(f.template))
	return s
}

// changed finds what changed most: it is new, comes more often or less often.
func (f *flow) changed(slot int64, sample uint) (ch change, novel bool) {
	if fresh := f.novelty(slot); fresh.ratio > 0 {
		return fresh, true
	}
	more, less := f.tenfold(slot, true), f.tenfold(slot, false)
	if less.ratio > more.ratio && math.Expm1(less.before.mean()) >= flowGrain*math.Exp2(float64(sample)) {
		return less, false
	}
	return more, false
}

// quote is what a line says, as evidence.
func quote(t *template) string { return "“" + clipped(message(t.shown()), 100) + "”" }

// flowText says what changed, with and without figures.
func (e *Engine) flowText(s *sign, line string, novel bool) (text, brief string) {
	minutes := float64(60e9) / float64(e.slotWidth())
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

// programOf names what wrote a line whose resource does not: the program, as
// syslog names it, or else the file that the line was read from. label is how its
// records are selected, "" where the name is as good.
func programOf(ev *model.Event) (name, label string) {
	if name = firstOf(ev.Attributes, programKey); name != "" {
		return name, ""
	}
	for _, key := range [...]string{"appname", fileNameKey} {
		if name = firstOf(ev.Attributes, key); name != "" {
			return strings.TrimSuffix(name, ".log"), key + "=" + name
		}
	}
	if ev.Body.Kind() == model.KindMap {
		name = firstOf(ev.Body.Items(), "SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT") // of the journal
	}
	return name, ""
}

// fileNameKey is how the file log receiver names the file.
const fileNameKey = semconv.LogFileName
