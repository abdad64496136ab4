// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"

	"github.com/tapio/tapio/internal/correlate/baseline"
)

const (
	// steepRise (as a logarithm) and steepRuns: a duration that is five times as long in nearly all of at
	// least five runs, over several buckets, needs no baseline distribution.
	steepRise  = 1.61
	steepRuns  = 5
	steepShare = 0.8
)

func steep(ch baseline.ChangePoint, tail *baseline.Tail) bool {
	since := tail.Since(ch.Bucket)
	return since.Hits >= steepRuns-0.5 && since.Share() >= steepShare && ch.After.Mean()-ch.Before.Mean() >= steepRise
}

// selfSign makes an anomaly of an operation whose own time rose steeply. For an operation that is not
// known for long enough to be judged by its tail, any significant rise counts; see detect.Slowdown.
func (rd *runDetector) selfSign(o *operation) *sign {
	if o.key.kind == kindClient || o.key.kind == kindProducer {
		return nil // its time is that of the network and the callee
	}
	ch := baseline.RiseOf(&o.self)
	if o.tail.Ready() && !steep(ch, &o.tail) {
		return nil
	}
	s := newSign(rd.time, o.service, classSelf, o.key.name, "", ch)
	if !s.rose(ch) {
		return nil
	}
	s.text = fmt.Sprintf("%s of %s takes %s%s instead of %s", o.key.name, o.key.service, millis(s.after), ownCode(s, o, rd.time.Now), millis(s.before))
	s.passMetered(o.service, rd.time.Now, ch.Bucket)
	s.evidence = o.evidence.evidence("a slow request")
	s.locate(o.place)
	s.keepOut = func() {
		o.self.KeepOut(ch.Bucket)
		o.tail.Exclude(ch.Bucket)
	}
	return s
}

// rose sets the figures from a change, and reports whether it matters.
func (s *sign) rose(ch baseline.ChangePoint) bool {
	if ch.Ratio == 0 {
		return false
	}
	before, after := ch.Before.Mean(), ch.After.Mean()
	s.before, s.after, s.unit = math.Expm1(before), math.Expm1(after), "ms"
	s.size = min(1, (after-before)/math.Ln10)
	return after-before >= leastRise && s.after-s.before >= leastMillis
}

// youngEdgeSign makes an anomaly of calls that take steeply longer on the network. For an edge that is
// not known for long enough to be judged by its tail, any significant rise counts.
func (rd *runDetector) youngEdgeSign(key callKey, c *call, slot int64, usual way) *sign {
	if !c.paired {
		return nil // a callee without spans is judged as a dependency
	}
	c.gap.Advance(slot)
	ch, than := baseline.RiseOf(&c.gap), "instead of"
	if other := usual.exceeds(c); other.Ratio > ch.Ratio {
		ch, than = other, "where other calls spend"
	}
	if ch.Ratio == 0 || c.tail.Ready() && !steep(ch, &c.tail) {
		return nil
	}
	s := newSign(rd.time, rd.topology.serviceNamed(key.callee), classEdge, "call", key.caller, ch)
	if !s.rose(ch) {
		return nil
	}
	rd.graph.describeWay(s, key, ch.Bucket)
	s.text = fmt.Sprintf("calls from %s to %s spend %s between the two %s %s", key.caller, key.callee, millis(s.after), than, millis(s.before))
	s.evidence = c.evidence.evidence("waited between client and server")
	s.keepOut = func() {
		c.gap.KeepOut(ch.Bucket)
		c.tail.Exclude(ch.Bucket)
	}
	return s
}
