// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"strings"
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
func (e *Engine) pathSign(o *operation, f *feature) *sign {
	if f.fails {
		return nil
	}
	when, runs := "", o.chances(f.askers)
	ch, whole := lapse(runs, &f.hits), runs
	if f.before != nil && !f.wanders && f.before.askers.within(f.askers) {
		if after := lapse(&f.before.hits, &f.hits); after.ratio > ch.ratio {
			ch, when, whole = after, ", once it "+saidOf(o, f.before)+",", &f.before.hits
		}
	}
	if ch.ratio == 0 {
		return nil
	}
	s := e.newSign(o.service, classPath, f.text, o.key.name, ch)
	s.lapses(ch)
	if when == "" && runs != &o.runs {
		when = " for its usual callers"
	}
	s.text = fmt.Sprintf("%s of %s%s %s in %s of its runs instead of %s", o.key.name, o.key.service, when, saidOf(o, f), percent(s.after), percent(s.before))
	s.did = saidOf(o, f) + strings.TrimSuffix(strings.Replace(when, ", once it", " once it", 1), ",")
	s.evidence = o.evidence.evidence("lacks a usual step")
	s.locate(f.place)
	e.ends(s, whole, &f.hits, ch.slot)
	s.passOn(o, ch.slot, (s.before-s.after)*shareSince(&o.runs, whole, ch.slot))
	s.supports = o.replaces(f, runs, ch.slot, s.before-s.after)
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
func (o *operation) replaces(f *feature, runs *history, since int64, missing float64) bool {
	if f.kind != featureChild {
		return false
	}
	for _, other := range o.order {
		if other == f || other.kind != featureChild || other.fails {
			continue
		}
		if other.hits.old.n == 0 && other.hits.oldest() >= since-replacedSlots && shareSince(runs, &other.hits, since) >= replacedShare*missing {
			return true
		}
	}
	return false
}

// shareSince is the share of the runs since a bucket that have the feature.
func shareSince(whole, part *history, since int64) float64 {
	var all, shown float32
	for slot := max(since, whole.head-recentSlots+1); slot <= whole.head; slot++ {
		all += whole.at(slot).n
		shown += part.at(slot).n
	}
	return share(shown, all)
}

// endSign makes an anomaly of runs that end with a step that was never the last one before: the code
// returns or fails there. The steps that follow may vary from run to run, so no single one is missing,
// but some step always followed.
func (e *Engine) endSign(o *operation, end *feature) *sign {
	step := end.before
	if !end.askers.within(step.goesOn) {
		return nil // runs on behalf of callers for which nothing ever followed
	}
	ch := shareChange(&step.hits, &end.hits, true)
	if ch.ratio == 0 || ch.before.sum > 0 || share(ch.after.sum, ch.after.n) < 1-seldomShare {
		return nil
	}
	s := e.newSign(o.service, classPath, "end after "+end.text, o.key.name, ch)
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
	s.until = e.timeOf(end.hits.newest(func(slot int64) bool { return end.hits.at(slot).n > 0 }) + 1)
	s.keepOut = func() { end.hits.keepShare(ch.slot, &step.hits, 0) }
	s.passOn(o, ch.slot, s.after*shareSince(&o.runs, &step.hits, ch.slot))
	return s
}

// idleSign makes an anomaly of requests that end before any step. Operations called within a service,
// such as a cache in front of a store, may have nothing to do and are left out.
func (e *Engine) idleSign(o *operation) *sign {
	if o.key.kind != kindServer {
		return nil
	}
	runs := o.chances(o.activeOf)
	ch := lapse(runs, &o.active)
	if ch.ratio == 0 {
		return nil
	}
	s := e.newSign(o.service, classPath, "any step", o.key.name, ch)
	s.lapses(ch)
	s.text = fmt.Sprintf("%s of %s ends without calling or logging anything in %s of its runs instead of %s",
		o.key.name, o.key.service, percent(1-s.after), percent(1-s.before))
	s.evidence = o.evidence.evidence("ends at once")
	e.ends(s, runs, &o.active, ch.slot)
	s.passOn(o, ch.slot, (s.before-s.after)*shareSince(&o.runs, runs, ch.slot))
	return s
}

// ends sets until when a step is missing, and keeps that time out of the baselines.
func (e *Engine) ends(s *sign, whole, part *history, since int64) {
	s.until = e.timeOf(whole.newest(func(slot int64) bool {
		return whole.at(slot).n > 0 && share(part.at(slot).n, whole.at(slot).n) < seldomShare
	}) + 1)
	s.keepOut = func() { part.keepShare(since, whole, s.before) }
}

// lapses sets figures and size for the missing share of a step.
func (s *sign) lapses(ch change) {
	s.shares(ch)
	s.size = 1 - s.after/max(s.before, s.after)
}

// lapse finds when the share of a step that was always there fell below half, or a step that was there
// at times disappeared.
func lapse(whole, part *history) change {
	ch := shareChange(whole, part, false)
	if ch.ratio == 0 {
		return change{}
	}
	before, after := share(ch.before.sum, ch.before.n), share(ch.after.sum, ch.after.n)
	switch {
	case before >= alwaysShare && after < seldomShare:
		return ch
	case ch.after.sum == 0:
		ch.ratio = min(ch.ratio, vanished(whole, part, ch.slot))
		return ch
	}
	return change{}
}

// vanished is the strength of a step's disappearance with buckets instead of runs as observations.
// Steps that depend on inputs come in bursts, so there are more buckets without the step than
// independent runs would leave by chance.
func vanished(whole, part *history, since int64) float64 {
	var slots, shown, after float32
	for slot := whole.head; slot > whole.head-recentSlots; slot-- {
		if whole.at(slot).n == 0 {
			continue
		}
		switch {
		case slot >= since:
			after++
		case part.at(slot).n > 0:
			shown++
			fallthrough
		default:
			slots++
		}
	}
	return 2 * (logLikelihood(shown, slots) - logLikelihood(shown, slots+after))
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
		return "logs “" + clipped(f.text, 80) + "”"
	}
}
