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
	lineCost = 2336 // bytes of a line's history
	// minKnown is how many slots one must know to tell a rate from none: three
	// times as long as the shortest change, for a service that always writes its
	// errors once a minute is no news.
	minKnown = 12
)

// lineKey names log lines of severity error, by service and template.
type lineKey struct {
	service  string
	template string
}

// line is how often a service writes a template.
type line struct {
	tally
	service  *service
	template *template
	traced   bool // the trace says more, see failureSign
	// joined are those whose span came, orphans those whose span did not.
	joined, orphans int
	passedOn        int // of those whose span came: a call of that run failed
	evidence        ring
	showed          firstTimes
	place           string            // in the source code
	kernel          *kernelLine       // set for what the kernel tells
	quote           string            // the newest that is evidence, in the words of the service
	restarts        bool              // it counts how often the service began anew
	metric          model.EvidenceRef // the series, of what the kernel counts or of a restart
	noted           struct {          // lines of the newest slot
		slot int64
		n    int
	}
}

// lineSign tells that a service writes an error line more often than before.
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
	if l.toldByTrace() {
		s.strength = min(s.strength, hintStrength)
	}
	s.quote = l.quote
	s.text = fmt.Sprintf("%s logs the error %s %d times since %s", key.service, quote(l.template), s.count, clock(s.onset))
	s.evidence = l.evidence.evidence(quote(l.template))
	if l.restarts {
		s.tellRestarts(l)
		return s
	}
	if l.metric.ID != "" {
		s.evidence = append(s.evidence, l.metric)
	}
	if l.kernel != nil {
		e.tellKernel(s, l, best)
		return s
	}
	l.passOn(s)
	s.locate(cmp.Or(l.place, l.template.codePlace()))
	return s
}

// toldByTrace reports whether traces tell more of the failures: of most of them.
func (l *line) toldByTrace() bool { return l.traced && l.joined >= l.orphans }

// changed finds since when there are more lines: in more of the slots, or of what no
// trace tells more about, ten times as many in each.
func (l *line) changed(slot int64) change {
	l.rate.advance(slot)
	best := l.appears(slot)
	if l.kernel == nil && !l.restarts && !l.toldByTrace() {
		if flood := l.tenfold(slot, true); flood.ratio > best.ratio {
			return flood
		}
	}
	return best
}

// appears finds since when there are lines in more of the slots, by the likelihood
// ratio of two Poisson rates. A service that has just appeared has no before.
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

// active estimates in how many slots before the change there was a line.
func (l *line) active(slot int64, known float64, after sample) sample {
	n := float32(0)
	for at := slot; at > slot-recentSlots; at-- { // what came since is not judged yet
		n += l.counted(at)
	}
	n += float32(float64(known-recentSlots)*(1-math.Exp(-float64(l.rate.old.n)/max(known-recentSlots, 1)))) * min(1, l.rate.old.n)
	return sample{n: max(n-after.n, 0)}
}

// counted is what a slot counts. Lines come in bursts: one that is written counts
// like many. Of what the kernel tells, each doubling counts as one more, so that a
// service that is refused once as it starts does not pass for one that always is.
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

// since counts the lines from a slot on.
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

// observe counts an error line, and reports whether it is to be kept as evidence:
// the first few of a slot, for the others say no more, and to name each would
// cost the store more than to hold it.
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
