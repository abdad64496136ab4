// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
)

const (
	// alwaysShare: a step that nine of ten executions have is expected.
	alwaysShare = 0.9
	// seldomShare: below half of the executions a step is not expected any more.
	seldomShare = 0.5
)

// pathSign makes an anomaly of a step that an operation always had and no longer has, in all runs or
// after the preceding step. New steps that are no errors, and steps that become more or less frequent,
// are no anomalies, because inputs vary. A step that occurred at times and then never again is one,
// see vanished.
func (rd *runDetector) pathSign(o *operation, f *feature) *sign {
	if f.fails {
		return nil
	}
	when, runs := "", o.chances(f.askers)
	ch, whole := lapse(runs, &f.hits), runs
	if f.before != nil && !f.wanders && f.before.askers.within(f.askers) {
		if after := lapse(&f.before.hits, &f.hits); after.Ratio > ch.Ratio {
			ch, when, whole = after, ", once it "+saidOf(o, f.before)+",", &f.before.hits
		}
	}
	if ch.Ratio == 0 {
		return nil
	}
	s := newSign(rd.time, o.service, classPath, f.text, o.key.name, ch)
	s.lapses(ch)
	if when == "" && runs != &o.runs {
		when = " for its usual callers"
	}
	s.text = fmt.Sprintf("%s of %s%s %s in %s of its runs instead of %s", o.key.name, o.key.service, when, saidOf(o, f), percent(s.after), percent(s.before))
	s.did = saidOf(o, f) + strings.TrimSuffix(strings.Replace(when, ", once it", " once it", 1), ",")
	s.evidence = o.evidence.evidence("lacks a usual step")
	s.locate(f.place)
	rd.ends(s, whole, &f.hits, ch.Bucket)
	s.passOn(o, ch.Bucket, (s.before-s.after)*shareSince(&o.runs, whole, ch.Bucket))
	s.supports = o.replaces(f, runs, ch.Bucket, s.before-s.after)
	return s
}

const (
	// replacedSlots is how many buckets before a call disappeared the one that replaces it may have
	// begun: a rollout moves traffic in steps.
	replacedSlots = 24
	// replacedShare is the least share of the missing calls that the new call must make up for.
	replacedShare = 0.7
)

// replaces reports whether the operation has a new call instead of f, in about as many runs as f is
// missing from: a service was replaced, or a call was moved. That is a change and no fault by itself.
func (o *operation) replaces(f *feature, runs *baseline.History, since int64, missing float64) bool {
	if f.kind != featureChild {
		return false
	}
	for _, other := range o.order {
		if other == f || other.kind != featureChild || other.fails {
			continue
		}
		if other.hits.Old.N == 0 && other.hits.Oldest() >= since-replacedSlots && shareSince(runs, &other.hits, since) >= replacedShare*missing {
			return true
		}
	}
	return false
}

// shareSince is the share of the runs since a bucket that have the feature.
func shareSince(whole, part *baseline.History, since int64) float64 {
	var all, shown float32
	for slot := max(since, whole.Head-baseline.Recent+1); slot <= whole.Head; slot++ {
		all += whole.At(slot).N
		shown += part.At(slot).N
	}
	return baseline.Share(shown, all)
}

// endSign makes an anomaly of runs that end with a step that was never the last one before: the code
// returns or fails there. The steps that follow may vary from run to run, so no single one is missing,
// but some step always followed.
func (rd *runDetector) endSign(o *operation, end *feature) *sign {
	step := end.before
	if !end.askers.within(step.goesOn) {
		return nil // runs on behalf of callers for which nothing ever followed
	}
	ch := baseline.ShareChange(&step.hits, &end.hits, true)
	if ch.Ratio == 0 || ch.Before.Sum > 0 || baseline.Share(ch.After.Sum, ch.After.N) < 1-seldomShare {
		return nil
	}
	s := newSign(rd.time, o.service, classPath, "end after "+end.text, o.key.name, ch)
	s.shares(ch)
	s.size = s.after
	s.text = fmt.Sprintf("%s of %s takes no further step once it %s in %s of its runs; before it always did",
		o.key.name, o.key.service, saidOf(o, step), percent(s.after))
	s.did = saidOf(o, step)
	s.evidence = step.evidence.evidence("ends with this step")
	if step.callee != o.key.service {
		s.endsAt = step.callee
	}
	s.locate(step.place)
	s.until = rd.time.Start(end.hits.Newest(func(slot int64) bool { return end.hits.At(slot).N > 0 }) + 1)
	s.keepOut = func() { end.hits.KeepShare(ch.Bucket, &step.hits, 0) }
	s.passOn(o, ch.Bucket, s.after*shareSince(&o.runs, &step.hits, ch.Bucket))
	return s
}

// idleSign makes an anomaly of requests that end before any step. Operations called within a service,
// such as a cache in front of a store, may have nothing to do and are left out.
func (rd *runDetector) idleSign(o *operation) *sign {
	if o.key.kind != kindServer {
		return nil
	}
	runs := o.chances(o.activeOf)
	ch := lapse(runs, &o.active)
	if ch.Ratio == 0 {
		return nil
	}
	s := newSign(rd.time, o.service, classPath, "any step", o.key.name, ch)
	s.lapses(ch)
	s.text = fmt.Sprintf("%s of %s ends without calling or logging anything in %s of its runs instead of %s",
		o.key.name, o.key.service, percent(1-s.after), percent(1-s.before))
	s.evidence = o.evidence.evidence("ends at once")
	rd.ends(s, runs, &o.active, ch.Bucket)
	s.passOn(o, ch.Bucket, (s.before-s.after)*shareSince(&o.runs, runs, ch.Bucket))
	return s
}

// ends sets until when a step is missing, and keeps that time out of the baselines.
func (rd *runDetector) ends(s *sign, whole, part *baseline.History, since int64) {
	s.until = rd.time.Start(whole.Newest(func(slot int64) bool {
		return whole.At(slot).N > 0 && baseline.Share(part.At(slot).N, whole.At(slot).N) < seldomShare
	}) + 1)
	s.keepOut = func() { part.KeepShare(since, whole, s.before) }
}

// lapses sets figures and size for the missing share of a step.
func (s *sign) lapses(ch baseline.ChangePoint) {
	s.shares(ch)
	s.size = 1 - s.after/max(s.before, s.after)
}

// lapse finds when the share of a step that was always there fell below half, or a step that was there
// at times disappeared.
func lapse(whole, part *baseline.History) baseline.ChangePoint {
	ch := baseline.ShareChange(whole, part, false)
	if ch.Ratio == 0 {
		return baseline.ChangePoint{}
	}
	before, after := baseline.Share(ch.Before.Sum, ch.Before.N), baseline.Share(ch.After.Sum, ch.After.N)
	switch {
	case before >= alwaysShare && after < seldomShare:
		return ch
	case ch.After.Sum == 0:
		ch.Ratio = min(ch.Ratio, vanished(whole, part, ch.Bucket))
		return ch
	}
	return baseline.ChangePoint{}
}

// vanished is the strength of a step's disappearance with buckets instead of runs as observations.
// Steps that depend on inputs come in bursts, so there are more buckets without the step than
// independent runs would leave by chance.
func vanished(whole, part *baseline.History, since int64) float64 {
	var slots, shown, after float32
	for slot := whole.Head; slot > whole.Head-baseline.Recent; slot-- {
		if whole.At(slot).N == 0 {
			continue
		}
		switch {
		case slot >= since:
			after++
		case part.At(slot).N > 0:
			shown++
			fallthrough
		default:
			slots++
		}
	}
	return 2 * (baseline.ShareLikelihood(shown, slots) - baseline.ShareLikelihood(shown, slots+after))
}

// reportsFailure reports whether a step handles a failure, by its name. If it no longer occurs, that
// is good.
func reportsFailure(text string) bool {
	text = strings.ToLower(text)
	return strings.Contains(text, "error") || strings.Contains(text, "exception") || strings.Contains(text, "fail")
}

// saidOf describes a call; the name of the service is left out for calls within the same service.
func saidOf(o *operation, f *feature) string {
	if f.kind == featureChild {
		return "calls " + strings.TrimPrefix(f.text, o.key.service+" ")
	}
	return said(f)
}

func said(f *feature) string {
	switch f.kind {
	case featureChild:
		return "calls " + f.text
	case featureError:
		return "fails"
	default:
		return "logs “" + bound.Text(f.text, 80) + "”"
	}
}
