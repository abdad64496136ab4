// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bucket"
)

const (
	// noveltyBonus is the strength added for an error that was never seen in an operation before: twice
	// the logarithm of odds of a thousand to one that it is a fault, not chance. It is granted in
	// proportion to what is known: in full after noveltyRuns runs without the error, or if half of the
	// runs have it now.
	noveltyBonus = 13.8
	noveltyRuns  = 200
)

// runDetector finds anomalies in executions: operations, their steps, and the calls between services.
type runDetector struct {
	time     *bucket.Time
	graph    *graph
	topology *topology
}

// failureSign makes an anomaly of an operation that fails, or logs errors, more often.
func (rd *runDetector) failureSign(o *operation, f *feature) *sign {
	ch := baseline.ShareChange(&o.runs, &f.hits, true)
	if ch.Ratio == 0 {
		return nil
	}
	if ch.Before.Sum == 0 {
		ch.Ratio += novelty(float64(ch.Before.N), baseline.Share(ch.After.Sum, ch.After.N))
	}
	s := rd.describeFailure(o, f, ch)
	s.within(rd.topology.sliceOf(o.key.service, ch.Bucket, failedRuns))
	s.until = rd.time.Start(f.hits.Newest(func(slot int64) bool { return f.hits.At(slot).N > 0 }) + 1)
	s.keepOut = func() { f.hits.KeepShare(ch.Bucket, &o.runs, s.before) }
	s.passOn(o, ch.Bucket, s.after-s.before)
	s.passMetered(o.service, rd.time.Now, ch.Bucket)
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

func (rd *runDetector) describeFailure(o *operation, f *feature, ch baseline.ChangePoint) *sign {
	s := newSign(rd.time, o.service, classError, f.text, o.key.name, ch)
	s.shares(ch)
	s.lasts, s.quote = ch.Before.N == 0, f.quote
	than := "instead of " + percent(s.before)
	if ch.Before.N == 0 {
		than = "for as long as it is known"
	}
	s.text = fmt.Sprintf("%s of %s %s in %s of its runs %s", o.key.name, o.key.service, said(f), percent(s.after), than)
	s.evidence = f.evidence.evidence("a failed request")
	s.locate(f.place)
	return s
}
