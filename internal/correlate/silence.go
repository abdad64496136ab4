// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// Missing data: a service stopped reporting what it reported regularly. Only metrics show that,
// because they arrive whether or not anything happens; spans and log lines end with the requests.

const (
	// rhythmReports is the number of reports after which the longest pause is measured again from zero.
	rhythmReports = 60
	// minRhythm is the least number of reports to know a rhythm.
	minRhythm = 10
	// missedPauses: a series is silent after three of its longest pauses. Of n pauses of the least
	// regular kind, those between random events, the longest is ln n + γ times the mean, so a pause three
	// times as long occurs in (1.78 n)^-3 of the cases: for ten reports once in 5,600.
	missedPauses = 3
	// leastSilence is the shortest silence that counts: a restart takes that long.
	leastSilence = 60 * model.Nanos(1e9)
	// silenceReported is for how long a silence is reported, and how long a service must have reported for
	// its silence alone to open an incident: the half-life of a baseline. A service that lived shorter,
	// or a pod without a service name, may have been meant to end.
	silenceReported = 3600 * model.Nanos(1e9)
	eulerGamma      = 0.5772
)

// rhythm is how regularly a series reports.
type rhythm struct {
	first           model.Nanos
	reports         int
	longest, before model.Nanos // longest pause among the newest reports, and among those before
}

func (r *rhythm) report(t, last model.Nanos) {
	if r.first == 0 {
		r.first = t
		return
	}
	r.longest = max(r.longest, t-min(last, t))
	r.reports++
	if r.reports%rhythmReports == 0 {
		r.before, r.longest = r.longest, 0
	}
}

// patience is for how long it may be silent.
func (r *rhythm) patience() model.Nanos {
	return max(missedPauses*max(r.longest, r.before), leastSilence)
}

// silence holds what the series of a service show about it.
type silence struct {
	service *service
	newest  model.Nanos // time of the newest report of any series
	series  int         // number of series that report regularly
	missing []*series   // those that are silent
}

// silences returns the services with regular series.
func (d *seriesDetector) silences() []*silence {
	byName := map[string]*silence{}
	var list []*silence
	for _, held := range d.series.All() {
		s := *held
		if s.irregular || s.last == 0 {
			continue
		}
		of := byName[s.service.name]
		if of == nil {
			of = &silence{service: s.service}
			byName[s.service.name] = of
			list = append(list, of)
		}
		of.newest = max(of.newest, s.last)
		if s.rhythm.reports < minRhythm || s.last+silenceReported < d.time.Now {
			continue
		}
		of.series++
		if s.last+s.rhythm.patience() < d.time.Now {
			of.missing = append(of.missing, s)
		}
	}
	return list
}

// silenceSigns makes anomalies of services that became silent. If fewer services go on than became
// silent, the connection to this engine is broken, and there are none.
func (d *seriesDetector) silenceSigns(add func(*sign)) {
	list := d.silences()
	silent := 0
	for _, of := range list {
		if of.whole() {
			silent++
		}
	}
	for _, of := range list {
		switch {
		case len(of.missing) == 0:
		case !of.whole():
			add(d.missingSign(of))
		case of.outlived(list) >= silent:
			add(d.silenceSign(of))
		}
	}
}

// whole reports whether all that the service reported is missing.
func (of *silence) whole() bool {
	return len(of.missing) > 0 && len(of.missing) == of.series && !slices.ContainsFunc(of.missing, func(s *series) bool {
		return of.newest > s.last+s.rhythm.patience() // something new reports instead
	})
}

// outlived counts the services that reported when this one was overdue.
func (of *silence) outlived(list []*silence) int {
	n, due := 0, of.newest+of.latest().rhythm.patience()
	for _, other := range list {
		if other.newest >= due {
			n++
		}
	}
	return n
}

// latest is the missing series that reported last.
func (of *silence) latest() *series {
	return slices.MaxFunc(of.missing, func(a, b *series) int { return int(int64(a.last) - int64(b.last)) })
}

// silenceSign makes an anomaly of a service that stopped reporting. It opens an incident only for a
// service without callers: the requests of callers fail if they still need it; otherwise it was
// replaced or drained.
func (d *seriesDetector) silenceSign(of *silence) *sign {
	s := d.overdue(of, classSilent, silentWhat)
	known := model.Nanos(0)
	for _, m := range of.missing {
		known = max(known, m.last-m.rhythm.first)
	}
	s.supports = known < silenceReported || !of.service.declared || d.graph.hasCallers(of.service.name) || d.drained(of.service, s.onset)
	s.text = fmt.Sprintf("%s reports none of its %d metrics since %s, which came at least every %s before",
		of.service.name, of.series, clock(s.onset), pause(of.latest().rhythm.patience()/missedPauses))
	s.brief = fmt.Sprintf("%s reports nothing since %s", of.service.name, clock(s.onset))
	return s
}

// drainedSlots is for how many buckets a service must have been idle before it stopped to count as
// drained: a minute.
const drainedSlots = 12

// drained reports whether the service had no more requests when it became silent: it was taken out of
// service first, and then stopped.
func (d *seriesDetector) drained(s *service, onset model.Nanos) bool {
	if s.requests == nil || s.requests.Total().N == 0 {
		return false
	}
	newest := s.requests.Newest(func(slot int64) bool { return s.requests.At(slot).N > 0 })
	return newest <= d.time.Of(onset)-drainedSlots
}

// missingSign makes an anomaly of a part that is missing, such as the metrics of one pod. Each release
// has such parts, so it only supports.
func (d *seriesDetector) missingSign(of *silence) *sign {
	s := d.overdue(of, classLoad, "missing metrics")
	names := inNames(of.missing)
	s.text = fmt.Sprintf("%d of %d series of %s have no value since %s: %s", len(of.missing), of.series, of.service.name, clock(s.onset), names)
	return s
}

const silentWhat = "silent"

// regular reports whether a metric is sent even if nothing happens. Distributions, kernel metrics and
// deltas may be left out.
func regular(m *model.Metric) bool {
	plain := m.Type == model.MetricGauge || m.Type == model.MetricSum
	return plain && m.Temporality != model.TemporalityDelta && !strings.HasPrefix(m.Name, "tapio.")
}

// pause formats a duration in round figures.
func pause(d model.Nanos) string {
	if d < 2*leastSilence {
		return fmt.Sprintf("%.0f s", float64(d)/1e9)
	}
	return fmt.Sprintf("%.0f min", float64(d)/60e9)
}

func (d *seriesDetector) overdue(of *silence, c class, what string) *sign {
	last := of.latest()
	pauses := float64(d.time.Now-last.last) / float64(last.rhythm.patience()/missedPauses)
	s := &sign{
		key:   signKey{service: of.service.name, class: c, what: what},
		onset: last.last, last: d.time.Now, count: len(of.missing), pod: of.service.pod, node: of.service.node,
		strength: 2 * pauses * (math.Log(float64(min(last.rhythm.reports, rhythmReports))) + eulerGamma),
	}
	for _, m := range of.missing[:min(exemplars, len(of.missing))] {
		s.evidence = append(s.evidence, model.EvidenceRef{Kind: model.EvidenceMetric, ID: m.id, Time: m.last, Description: "its last value"})
	}
	return s
}

// inNames lists a few of the missing metrics.
func inNames(list []*series) string {
	var names []string
	for _, s := range list {
		if !slices.Contains(names, s.name) {
			names = append(names, s.name)
		}
	}
	slices.Sort(names)
	if more := len(names) - exemplars; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:exemplars], ", "), more)
	}
	return strings.Join(names, ", ")
}
