// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"math"

	"github.com/tapio/tapio/internal/model"
)

const (
	lineCost = 2336 // bytes of a line with its history
	// minKnown is the least number of known buckets to distinguish a rate from zero: three times the shortest
	// change, because a service that always logs an error once a minute has no anomaly.
	minKnown = 12
)

// lineKey identifies error lines, by service and template.
type lineKey struct {
	service  string
	template string
}

// line holds how often a service writes lines of a template.
type line struct {
	tally
	service  *service
	template *template
	traced   bool // traces have more information, see failureSign
	// joined counts lines whose span arrived, orphans those whose span did not.
	joined, orphans int
	passedOn        int // of joined: a call of the run had failed
	evidence        ring
	showed          firstTimes
	place           string            // place in the source code
	kernel          *kernelLine       // set for kernel events
	quote           string            // the newest exemplar, as the service wrote it
	restarts        bool              // it counts restarts of the service
	metric          model.EvidenceRef // the series, for kernel metrics and restarts
	noted           struct {          // exemplars of the newest bucket
		slot int64
		n    int
	}
}

// lineSign makes an anomaly of an error line that is more frequent than before.
func (e *Engine) lineSign(key lineKey, l *line, slot int64) *sign {
	best := l.changed(slot)
	if best.ratio == 0 {
		return nil
	}
	by := e.usedUpBy(l)
	if by == nil {
		return nil
	}
	s := e.newSign(by, classError, key.template, "", best)
	s.onset = e.firstIn(&l.showed, best.slot)
	s.until = e.timeOf(l.rate.newest(func(slot int64) bool { return l.rate.at(slot).n > 0 }) + 1)
	s.before, s.after, s.unit = best.before.mean(), best.after.mean(), "per slot"
	s.count = int(l.since(best.slot))
	if l.coveredByTraces() {
		s.strength = min(s.strength, hintStrength)
	}
	s.quote = l.quote
	s.text = fmt.Sprintf("%s logs the error %s %d times since %s", key.service, quote(l.template), s.count, clock(s.onset))
	s.evidence = l.evidence.evidence(quote(l.template))
	if l.restarts {
		s.describeRestarts(l)
		return s
	}
	if l.metric.ID != "" {
		s.evidence = append(s.evidence, l.metric)
	}
	if l.kernel != nil {
		e.describeKernel(s, l, best)
		return s
	}
	l.passOn(s)
	s.locate(cmp.Or(l.place, l.template.codePlace()))
	return s
}

// coveredByTraces reports whether traces contain most of the failures, so that the lines need not be
// judged.
func (l *line) coveredByTraces() bool { return l.traced && l.joined >= l.orphans }

// changed finds since when lines are more frequent: in more buckets or, for lines without a trace, ten
// times as many in each.
func (l *line) changed(slot int64) change {
	l.rate.advance(slot)
	best := l.appears(slot)
	if l.kernel == nil && !l.restarts && !l.coveredByTraces() {
		if flood := l.tenfold(slot, true); flood.ratio > best.ratio {
			return flood
		}
	}
	return best
}

// appears finds since when more buckets contain a line, by the likelihood ratio of two Poisson rates.
// A service that has just appeared has no baseline.
func (l *line) appears(slot int64) change {
	known := float64(min(slot-l.first+1, recentSlots+halfLifeSlots))
	var best change
	var after sample
	for at := slot; at > slot-recentSlots && at > l.first; at-- {
		after.n += l.counted(at)
		after.sum += l.rate.at(at).n
		span := float64(slot - at + 1)
		rest := known - span
		enough := after.n
		if l.kernel != nil {
			enough = after.sum // each is a fact of its own
		}
		if enough < minAfter || rest < minKnown || l.rate.at(at).n == 0 {
			continue
		}
		before := l.active(slot, known, after)
		if float64(after.n)/span <= float64(before.n)/rest {
			continue
		}
		ratio := 2 * (poisson(after.n, span) + poisson(before.n, rest) - poisson(before.n+after.n, known))
		if ratio > best.ratio {
			best = change{slot: at, ratio: ratio, before: sample{n: float32(rest), sum: before.n}, after: sample{n: float32(span), sum: after.n}}
		}
	}
	return best
}

// active estimates in how many buckets before the change there was a line.
func (l *line) active(slot int64, known float64, after sample) sample {
	n := float32(0)
	for at := slot; at > slot-recentSlots; at-- { // buckets since then are not judged yet
		n += l.counted(at)
	}
	n += float32(float64(known-recentSlots)*(1-math.Exp(-float64(l.rate.old.n)/max(known-recentSlots, 1)))) * min(1, l.rate.old.n)
	return sample{n: max(n-after.n, 0)}
}

// counted is the value of a bucket. Lines come in bursts, so any number counts as one. For kernel
// events each doubling adds one, so that a service that is refused once at its start differs from one
// that is always refused.
func (l *line) counted(slot int64) float32 {
	switch n := l.rate.at(slot).n; {
	case n <= 0:
		return 0
	case l.kernel != nil:
		return float32(math.Log2(1 + float64(n)))
	default:
		return 1
	}
}

// since counts the lines from a bucket on.
func (l *line) since(slot int64) float32 {
	n := float32(0)
	for at := max(slot, l.rate.head-recentSlots+1); at <= l.rate.head; at++ {
		n += l.rate.at(at).n
	}
	return n
}

func poisson(n float32, span float64) float64 {
	if n <= 0 || span <= 0 {
		return 0
	}
	return float64(n) * (math.Log(float64(n)/span) - 1)
}

// observe counts an error line, and reports whether to keep it as evidence: the first few of a bucket.
// More would show nothing new, and to make each findable would cost the store more than the line
// itself.
func (l *line) observe(slot int64, traced bool, weight float32) (evidence bool) {
	l.traced = traced
	l.count(slot, weight)
	if slot != l.noted.slot {
		l.noted.slot, l.noted.n = slot, 0
	}
	l.noted.n++
	return l.noted.n <= exemplars
}

func (e *Engine) lineFor(s *service, t *template) *line {
	key := lineKey{service: s.name, template: t.text}
	if found := e.lines.get(key); found != nil {
		return *found
	}
	return *e.lines.put(key, &line{tally: tally{first: e.firstSlot}, service: s, template: t})
}

func clock(t model.Nanos) string {
	s := uint64(t/1e9) % 86400
	return fmt.Sprintf("%02d:%02d:%02d UTC", s/3600, s/60%60, s%60)
}
