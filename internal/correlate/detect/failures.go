// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package detect

import (
	"math"

	"github.com/tapio/tapio/internal/correlate/failure"
)

const (
	// leastFailures is the least share of calls that must fail: what fails less often is
	// retried and noticed by no one.
	leastFailures = 0.02
	// novelty is twice the logarithm of the odds that a failure never seen before is of a
	// fault rather than chance, a thousand to one: as far as many calls without it show
	// that it is none of those that every system has, one in noveltyRuns.
	novelty     = 13.8
	noveltyRuns = 200
	// minHealthy is how many calls of others show that a callee is well, if at most a
	// tenth as many of them fail.
	minHealthy     = 10
	healthyFailure = 0.1
)

// Failures finds calls that fail more often, and who is to blame: the callee, unless
// others reach it well or the caller's connection pool is exhausted; the name server, if
// names of several cannot be resolved.
type Failures struct{}

// Detect implements Detector.
func (Failures) Detect(v View) []Anomaly {
	var list []Anomaly
	var calls []Runs
	for r := range v.Runs() {
		if r.Failures == nil {
			continue
		}
		calls = append(calls, r)
		ch := r.Failures.Rise()
		share := ch.After.Share()
		if ch.Ratio == 0 || share < leastFailures {
			continue
		}
		a := Anomaly{
			Kind: KindFails, Of: r, Blamed: r.Service, Since: ch.Bucket, Strength: ch.Ratio, Share: share, Usual: ch.Before.Share(),
			Count: int(ch.After.Hits + 0.5), Novel: ch.Before.Hits < 0.5,
		}
		if a.Novel {
			a.Strength += noveltyOf(float64(ch.Before.N), share)
		}
		list = append(list, a)
	}
	for i := range list {
		if a := &list[i]; failure.ClassOf(a.Of.Reason) == failure.Pool || wellElsewhere(calls, a) {
			a.Blamed = a.Of.Peer
		}
	}
	blameNames(list)
	return list
}

// noveltyOf is what it counts that no call failed in so many, and that share of them
// does now.
func noveltyOf(calls, now float64) float64 {
	if now >= 0.5 {
		return novelty
	}
	return min(novelty, 2*math.Log(max(1, calls/noveltyRuns)))
}

// wellElsewhere reports whether other callers reach the callee while this one fails to.
func wellElsewhere(calls []Runs, a *Anomaly) bool {
	var n, failed float64
	for _, r := range calls {
		if r.Service == a.Of.Service && r.Peer != a.Of.Peer {
			c := r.Failures.Since(a.Since)
			n, failed = n+float64(c.N), failed+float64(c.Hits)
		}
	}
	return n >= minHealthy && failed <= healthyFailure*a.Share*n
}

// blameNames makes failures to resolve the names of several callees one of names.
func blameNames(list []Anomaly) {
	callees := map[string]bool{}
	for i := range list {
		if OfNames(list[i].Of.Reason) {
			callees[list[i].Of.Service] = true
		}
	}
	if len(callees) < 2 {
		return
	}
	for i := range list {
		if OfNames(list[i].Of.Reason) {
			list[i].Kind, list[i].Blamed = KindNameFailure, ""
		}
	}
}

// OfNames reports whether a failure is one to resolve a name.
func OfNames(reason string) bool { return failure.ClassOf(reason) == failure.Name }
