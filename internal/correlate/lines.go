// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"math"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/model"
)

const lineCost = 2336 // bytes of a line with its history

// logbook holds the log lines of each service, by template. Ordinary lines (no error, no trace) have
// tables of their own, so that a flood of them does not push out errors: flows, and a miner for their
// templates.
type logbook struct {
	time  *bucket.Time
	lines *lru.Table[lineKey, *line]
	miner *logtemplate.Miner
	flows *lru.Table[lineKey, *flow]
	plain *logtemplate.Miner
	lot   lot
}

// lineKey identifies error lines, by service and template.
type lineKey struct {
	service  string
	template string
}

// line holds how often a service writes lines of a template.
type line struct {
	baseline.Tally
	service  *service
	template *logtemplate.Template
	traced   bool // traces have more information, see failureSign
	// joined counts lines whose span arrived, orphans those whose span did not.
	joined, orphans int
	passedOn        int // of joined: a call of the run had failed
	evidence        ring
	showed          bucket.FirstTimes
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
func (d *logDetector) lineSign(key lineKey, l *line, slot int64) *sign {
	best := l.changed(slot)
	if best.Ratio == 0 {
		return nil
	}
	by := d.hosts.usedUpBy(l)
	if by == nil {
		return nil
	}
	s := newSign(d.time, by, classError, key.template, "", best)
	s.onset = d.time.FirstIn(&l.showed, best.Bucket)
	s.until = d.time.Start(l.Rate.Newest(func(slot int64) bool { return l.Rate.At(slot).N > 0 }) + 1)
	s.before, s.after, s.unit = best.Before.Mean(), best.After.Mean(), "per slot"
	s.count = int(l.since(best.Bucket))
	if l.coveredByTraces() {
		s.strength = min(s.strength, baseline.HintStrength)
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
		d.describeKernel(s, l, best)
		return s
	}
	l.passOn(s)
	s.locate(cmp.Or(l.place, l.template.CodePlace()))
	return s
}

// coveredByTraces reports whether traces contain most of the failures, so that the lines need not be
// judged.
func (l *line) coveredByTraces() bool { return l.traced && l.joined >= l.orphans }

// changed finds since when lines are more frequent: in more buckets or, for lines without a trace, ten
// times as many in each.
func (l *line) changed(slot int64) baseline.ChangePoint {
	l.Rate.Advance(slot)
	best := l.appears(slot)
	if l.kernel == nil && !l.restarts && !l.coveredByTraces() {
		if flood := l.Tenfold(slot, true); flood.Ratio > best.Ratio {
			return flood
		}
	}
	return best
}

// appears finds since when more buckets contain a line, by the likelihood ratio of two Poisson rates.
// A service that has just appeared has no baseline.
func (l *line) appears(slot int64) baseline.ChangePoint {
	known := float64(min(slot-l.First+1, baseline.Recent+baseline.HalfLife))
	var best baseline.ChangePoint
	var after baseline.Sample
	for at := slot; at > slot-baseline.Recent && at > l.First; at-- {
		after.N += l.counted(at)
		after.Sum += l.Rate.At(at).N
		span := float64(slot - at + 1)
		rest := known - span
		enough := after.N
		if l.kernel != nil {
			enough = after.Sum // each is a fact of its own
		}
		if enough < baseline.LeastAfter || rest < baseline.MinKnown || l.Rate.At(at).N == 0 {
			continue
		}
		before := l.active(slot, known, after)
		if float64(after.N)/span <= float64(before.N)/rest {
			continue
		}
		ratio := 2 * (baseline.Poisson(after.N, span) + baseline.Poisson(before.N, rest) - baseline.Poisson(before.N+after.N, known))
		if ratio > best.Ratio {
			best = baseline.ChangePoint{Bucket: at, Ratio: ratio, Before: baseline.Sample{N: float32(rest), Sum: before.N}, After: baseline.Sample{N: float32(span), Sum: after.N}}
		}
	}
	return best
}

// active estimates in how many buckets before the change there was a line.
func (l *line) active(slot int64, known float64, after baseline.Sample) baseline.Sample {
	n := float32(0)
	for at := slot; at > slot-baseline.Recent; at-- { // buckets since then are not judged yet
		n += l.counted(at)
	}
	n += float32(float64(known-baseline.Recent)*(1-math.Exp(-float64(l.Rate.Old.N)/max(known-baseline.Recent, 1)))) * min(1, l.Rate.Old.N)
	return baseline.Sample{N: max(n-after.N, 0)}
}

// counted is the value of a bucket. Lines come in bursts, so any number counts as one. For kernel
// events each doubling adds one, so that a service that is refused once at its start differs from one
// that is always refused.
func (l *line) counted(slot int64) float32 {
	switch n := l.Rate.At(slot).N; {
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
	for at := max(slot, l.Rate.Head-baseline.Recent+1); at <= l.Rate.Head; at++ {
		n += l.Rate.At(at).N
	}
	return n
}

// observe counts an error line, and reports whether to keep it as evidence: the first few of a bucket.
// More would show nothing new, and to make each findable would cost the store more than the line
// itself.
func (l *line) observe(slot int64, traced bool, weight float32) (evidence bool) {
	l.traced = traced
	l.Count(slot, weight)
	if slot != l.noted.slot {
		l.noted.slot, l.noted.n = slot, 0
	}
	l.noted.n++
	return l.noted.n <= exemplars
}

func (b *logbook) lineFor(s *service, t *logtemplate.Template) *line {
	key := lineKey{service: s.name, template: t.Text}
	if found := b.lines.Get(key); found != nil {
		return *found
	}
	return *b.lines.Put(key, &line{Tally: baseline.Tally{First: b.time.First}, service: s, template: t})
}

func clock(t model.Nanos) string {
	s := uint64(t/1e9) % 86400
	return fmt.Sprintf("%02d:%02d:%02d UTC", s/3600, s/60%60, s%60)
}
