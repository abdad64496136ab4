// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"
)

const (
	// noveltyBonus is the strength added for an error that was never seen in an operation before: twice
	// the logarithm of odds of a thousand to one that it is a fault, not chance. It is granted in
	// proportion to what is known: in full after noveltyRuns runs without the error, or if half of the
	// runs have it now.
	noveltyBonus = 13.8
	noveltyRuns  = 200
)

// failureSign makes an anomaly of an operation that fails, or logs errors, more often.
func (e *Engine) failureSign(o *operation, f *feature) *sign {
	ch := shareChange(&o.runs, &f.hits, true)
	if ch.ratio == 0 {
		return nil
	}
	if ch.before.sum == 0 {
		ch.ratio += novelty(float64(ch.before.n), share(ch.after.sum, ch.after.n))
	}
	s := e.describeFailure(o, f, ch)
	s.within(e.sliceOf(o.key.service, ch.slot, failedRuns))
	s.until = e.timeOf(f.hits.newest(func(slot int64) bool { return f.hits.at(slot).n > 0 }) + 1)
	s.keepOut = func() { f.hits.keepShare(ch.slot, &o.runs, s.before) }
	s.passOn(o, ch.slot, s.after-s.before)
	s.passMetered(o.service, e.now, ch.slot)
	return s
}

// novelty returns the bonus for something that was never seen in this number of runs, and occurs in
// this share of them now.
func novelty(runs, now float64) float64 {
	if now >= seldomShare {
		return noveltyBonus
	}
	return min(noveltyBonus, 2*math.Log(max(1, runs/noveltyRuns)))
}

func (e *Engine) describeFailure(o *operation, f *feature, ch change) *sign {
	s := e.newSign(o.service, classError, f.text, o.key.name, ch)
	s.shares(ch)
	s.lasts, s.quote = ch.before.n == 0, f.quote
	than := "instead of " + percent(s.before)
	if ch.before.n == 0 {
		than = "for as long as it is known"
	}
	s.text = fmt.Sprintf("%s of %s %s in %s of its runs %s", o.key.name, o.key.service, said(f), percent(s.after), than)
	s.evidence = f.evidence.evidence("a failed request")
	s.locate(f.place)
	return s
}
