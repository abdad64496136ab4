// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
)

// Fewer requests to an entry service mean that something in front of it blocks them: a load balancer,
// a name, a release of the clients.

// trafficWhat is the key of anomalies of fewer requests.
const trafficWhat = "requests"

const (
	// dropTo is the largest share of the requests that may remain: smaller drops may be the time of day.
	dropTo = 0.2
	// dropSlots is for how many buckets it must last: a minute.
	dropSlots = 12
	// dropDispersion is how much more the counts of buckets vary than those of a Poisson process, because
	// requests come in bursts.
	dropDispersion = 4
	// lowestGrowth is the factor per bucket by which the lowest rate is slowly forgotten: it doubles in
	// three hours.
	lowestGrowth = 1.0003
	// trafficKnown is how many buckets must have been seen: ten minutes.
	trafficKnown = 120
)

// trafficSign makes an anomaly of an entry service that gets only a fraction of its requests.
func (rd *runDetector) trafficSign(s *service, slot int64) *sign {
	first := s.first
	if first == 0 {
		first, slot = s.counted, min(slot, s.countedTo)
	}
	if s.requests == nil || first == 0 || slot-rd.time.Of(first) < trafficKnown || rd.topology.fleeting(s.name) {
		return nil
	}
	s.requests.Advance(slot)
	known := float64(baseline.Remembered(slot - baseline.Recent - rd.time.Of(first) + 1))
	usual := float64(s.requests.Old.N) / max(known, 1)
	recent := 0.0
	for at := slot - dropSlots + 1; at <= slot; at++ {
		recent += float64(s.requests.At(at).N)
	}
	rate := recent / dropSlots
	lowest := float64(s.lowest)
	if rate > dropTo*usual {
		s.lowest = float32(min(rate, cmpOr(lowest*lowestGrowth, rate)))
		return nil
	}
	if rate > lowest/2 || lowest == 0 || rd.graph.hasCallers(s.name) {
		return nil
	}
	since := slot
	for since > slot-baseline.Recent+1 && float64(s.requests.At(since-1).N) <= dropTo*usual {
		since--
	}
	n, span := 0.0, float64(slot-since+1)
	for at := since; at <= slot; at++ {
		n += float64(s.requests.At(at).N)
	}
	expected := usual * span
	if span < dropSlots || n == 0 || n >= dropTo*expected {
		return nil // without any request the spans may as well be lost
	}
	ratio := expected - n
	if n > 0 {
		ratio += n * math.Log(n/expected)
	}
	found := newSign(rd.time, s, classSilent, trafficWhat, "", baseline.ChangePoint{Bucket: since, Ratio: 2 * ratio / dropDispersion})
	found.count = int(expected - n)
	found.before, found.after, found.unit = usual/rd.time.Seconds(), n/span/rd.time.Seconds(), "1/s"
	found.text = fmt.Sprintf("%s receives %s requests/s instead of %s since %s", s.name, report.Rounded(found.after), report.Rounded(found.before), clock(found.onset))
	found.brief = fmt.Sprintf("%s receives far less traffic: %s requests/s (baseline %s)", s.name, report.Rounded(found.after), report.Rounded(found.before))
	found.evidence = rd.topology.requestsOf(s)
	found.keepOut = func() {
		if s.requests != nil {
			s.requests.KeepOut(since)
		}
	}
	return found
}

func cmpOr(x, otherwise float64) float64 {
	if x == 0 {
		return otherwise
	}
	return x
}

// requestsOf is evidence of the requests of a service.
func (t *topology) requestsOf(s *service) []model.EvidenceRef {
	for _, held := range t.graph.operations.All() {
		if o := *held; o.service == s && o.key.kind == kindServer {
			return o.evidence.evidence("one of the requests")
		}
	}
	return nil
}
