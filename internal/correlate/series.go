// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	seriesCost   = 2048 // bytes of a series with its values, names and hours of the day
	seriesValues = 60   // values of the baseline: an hour of one-minute points
	// seriesSilence is for how long a silent series stays when the table is full. If each new series
	// evicted the oldest, a system with more series than fit would have none that is known for long
	// enough to be judged.
	seriesSilence = 10 * 60 * model.Nanos(1e9)
	minValues     = 3 // least values for a baseline: the fewest with a median
	// normalMAD converts the median absolute deviation of a normal distribution into its standard
	// deviation.
	normalMAD = 1.4826
	// looseness is the share of the median within which a value never deviates, because gauges are
	// rounded and sampled.
	looseness = 0.1
)

// series is one metric series: its newest values, in time order and sorted.
type series struct {
	name, id string
	service  *service
	pod      string // the pod that reports it
	node     string
	instance string
	observed bool // reported by the kernel, not by the program
	timed    bool // it is a duration
	habit    baseline.Habit
	bursts   *bursts // of a resource: shared by all series of the service
	red      *red    // nil for metrics that count no requests
	// version and replica are those of the newest point.
	version, replica string
	summary          bool // sent by a node in place of spans
	class            class
	unit             string
	floor            float64 // least deviation that matters
	values           []float32
	sorted           []float32
	next             int
	latest           [movingValues]float32 // in order of arrival, including those that deviate
	came             int
	last             model.Nanos
	total            float64 // of a cumulative sum: the last total
	started          bool
	onset            model.Nanos
	deviation        float64 // of the newest value, in robust standard deviations
	median           float64
	newest           float64
	strange          int // number of deviating values in a row
	still            int // number of zeros in a row in a series that was never zero
	resets           int
	// accumulates: it is cumulative, so its increase is judged.
	accumulates bool
	count       uint64 // of a cumulative distribution: the last count; its sum is total
	counts      *kernelCounter
	supply      *supply // nil for resources that cannot run out
	rhythm      rhythm
	season      *season // nil until it is known for seasonAge
	waits       float64 // seconds per second for which threads wait for a CPU
	waitsUsual  float64 // long-term average of waits
	irregular   bool    // points may be missing when nothing happens
	folded      bool    // of programs that the receiver sums up, which are no service
}

// add judges a value against the ones before it, and adds it to the baseline. Deviating values are
// left out, so that a fault does not hide the next one, until they have lasted for half of the
// baseline: then they become the new one.
func (s *series) add(x float64, t model.Nanos) {
	s.newest = x
	s.latest[s.came%movingValues] = float32(x)
	s.came++
	s.deviation = 0
	if len(s.values) >= minValues {
		s.median = float64(s.sorted[len(s.sorted)/2])
		spread := max(normalMAD*mad(s.sorted, s.median), looseness*math.Abs(s.median), s.floor)
		// A spread estimated from few values is uncertain: this is Student's correction, as the ratio of the
		// variances.
		n := float64(len(s.values))
		spread *= math.Sqrt((n + 2) / max(n-2, 1))
		s.deviation = (x - s.median) / spread
	}
	s.seasonal(x, t)
	s.note(t)
	s.noteStill(x, t)
	if usual := max(s.strange, s.still); usual == 0 || usual > seriesValues/2 {
		s.keep(x)
	}
	s.last = t
	s.supply.add(x, t)
}

// note records the time of a deviation.
func (s *series) note(t model.Nanos) {
	if math.Abs(s.deviation) < strangeDeviation {
		if s.strange > 0 {
			s.bursts.ended(s.last, s.last-s.onset)
		}
		s.strange = 0
		return
	}
	s.bursts.reached(s.newest)
	if s.strange == 0 {
		s.onset = t
		if s.last != 0 && s.last < t {
			s.onset = s.last + (t-s.last)/2 // it began at some time between the two points
		}
	}
	s.strange++
}

func (s *series) keep(value float64) {
	x := float32(value)
	if len(s.values) < seriesValues {
		s.values = append(s.values, x)
	} else {
		old, _ := slices.BinarySearch(s.sorted, s.values[s.next])
		s.sorted = slices.Delete(s.sorted, old, old+1)
		s.values[s.next] = x
		s.next = (s.next + 1) % seriesValues
	}
	at, _ := slices.BinarySearch(s.sorted, x)
	s.sorted = slices.Insert(s.sorted, at, x)
}

// mad returns the median absolute deviation of sorted values, searching from the median outwards.
func mad[T float32 | float64](sorted []T, median float64) float64 {
	right := len(sorted) / 2
	left := right - 1
	deviation := 0.0
	for range len(sorted)/2 + 1 {
		switch {
		case right >= len(sorted) || left >= 0 && median-float64(sorted[left]) < float64(sorted[right])-median:
			deviation = median - float64(sorted[left])
			left--
		default:
			deviation = float64(sorted[right]) - median
			right++
		}
	}
	return deviation
}

const (
	// strangeDeviation is the least deviation of an anomaly, in standard deviations: five, which a normal
	// distribution exceeds once in a million.
	strangeDeviation = 5
)

// exhausts reports whether the newest value is a fault by itself: half of the limit is used. In an
// M/M/1 queue the waiting time equals the service time there, and grows without bound from there on.
// Cores without a limit are compared with one core.
func (s *series) exhausts() bool {
	switch s.unit {
	case "1", "{cpu}":
		return s.newest >= 0.5
	case "%":
		return s.newest >= 50
	}
	return false
}

// strength converts a deviation z into twice a log-likelihood ratio. For a normal distribution that is
// z squared; the tails of metrics are heavier, so beyond strangeDeviation it grows with the logarithm.
func (s *series) strength() float64 {
	z := math.Abs(s.deviation)
	if z <= strangeDeviation {
		return 0
	}
	return strangeDeviation*strangeDeviation + 10*math.Log(z/strangeDeviation)
}

// value reads a point as a gauge: a cumulative sum as its rate, which a reset does not make negative;
// a distribution as its mean. ok is false if there is none.
func (s *series) value(p *model.Point) (x float64, ok bool) {
	switch {
	case p.Flags&model.FlagNoRecordedValue != 0:
		return 0, false
	case p.Histogram != nil:
		return s.mean(p.Histogram.Sum, p.Histogram.Count)
	case p.Exponential != nil:
		return s.mean(p.Exponential.Sum, p.Exponential.Count)
	case p.Summary != nil:
		return s.mean(model.Optional{Value: p.Summary.Sum, Set: true}, p.Summary.Count)
	case p.Number != model.NumberNone:
		x, ok = p.Float(), true
	}
	if ok && s.accumulates {
		return s.rate(x, p.Start, p.Time)
	}
	return x, ok && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// rate is the increase of a total per second. For the first point it is known if the counting began
// recently.
func (s *series) rate(total float64, start, t model.Nanos) (float64, bool) {
	if math.IsNaN(total) || math.IsInf(total, 0) || t <= s.last {
		return 0, false
	}
	before, since, started := s.total, s.last, s.started
	s.total, s.last, s.started = total, t, true
	if !started {
		before, since = 0, start
		if start == 0 || start >= t || t-start > together {
			return 0, false
		}
	}
	if total < before || (total == before && total > 0 && start > since) { // it was reset
		s.resets++
		before = 0
	}
	x := (total - before) / (float64(t-since) / 1e9)
	return x, !math.IsInf(x, 0) // the difference of two finite totals may overflow
}

// mean is the mean of the observations since the last point or, for deltas, in the point's interval.
// ok is false without observations.
func (s *series) mean(sum model.Optional, count uint64) (float64, bool) {
	total, n := sum.Value, count
	if s.accumulates {
		if s.started && count >= s.count {
			total, n = sum.Value-s.total, count-s.count
		}
		s.total, s.count, s.started = sum.Value, count, true
	}
	x := total / float64(max(n, 1))
	return x, sum.Set && n > 0 && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// seriesID identifies a series as EvidenceRef.ID does. It always has the labels of the instance. If it
// would be too long, all attributes are left out, so that it still selects the series.
func seriesID(s *model.Series, o *origin.Origin) string {
	labels := []string{seriesLabel(semconv.ServiceName, o.Service)}
	if o.Pod != "" {
		labels = append(labels, seriesLabel(semconv.K8sPodName, o.Pod))
	} else if o.Instance != "" {
		labels = append(labels, seriesLabel(origin.InstanceKey, o.Instance))
	}
	length := len(s.Metric.Name) + len("{}") + len(strings.Join(labels, ","))
	for _, kv := range s.Attributes {
		label := seriesLabel(bound.Name(kv.Key), kv.Value.Text())
		if length += len(",") + len(label); length > bound.MaxName || len(kv.Value.Text()) > bound.MaxName {
			length -= len(",") + len(label)
			continue
		}
		labels = append(labels, label)
	}
	slices.Sort(labels)
	return s.Metric.Name + "{" + strings.Join(labels, ",") + "}"
}

func seriesLabel(key, value string) string { return fmt.Sprintf("%s=%q", key, value) }
