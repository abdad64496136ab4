// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const (
	seriesCost   = 2048 // bytes of a series with its values, names and hours of the day
	seriesValues = 60   // values that a series is judged by: an hour of minutes
	// seriesSilence is how long a series without a point keeps its place where all
	// are taken. If each new one pushed the oldest out, more series than there is
	// room for would leave none that is known for long enough to be judged.
	seriesSilence = 10 * 60 * model.Nanos(1e9)
	minValues     = 3 // values that a baseline needs: the fewest with a median
	// normalMAD makes the median absolute deviation of a normal distribution
	// its standard deviation.
	normalMAD = 1.4826
	// looseness is the share of the median that is no change in any case, for
	// gauges are rounded and sampled.
	looseness = 0.1
)

// series is one metric series: its newest values, in time order and sorted.
type series struct {
	name, id string
	service  *service
	pod      string // that reports it
	node     string
	instance string
	observed bool // counted by the kernel, and not by the program
	timed    bool // it is a duration
	habit    baseline.Habit
	bursts   *bursts // of a resource, those of all of a service
	red      *red    // nil for what counts no requests
	// version and replica are of who reported the newest point.
	version, replica string
	summary          bool // a node sends it in place of its spans
	class            class
	unit             string
	floor            float64 // the least deviation that matters
	values           []float32
	sorted           []float32
	next             int
	latest           [movingValues]float32 // as they came, those that deviate among them
	came             int
	last             model.Nanos
	total            float64 // of a cumulative sum, the last total
	started          bool
	onset            model.Nanos
	deviation        float64 // in robust standard deviations, of the newest value
	median           float64
	newest           float64
	strange          int // values in a row that deviate
	still            int // zeros in a row of what was never zero before
	resets           int
	// accumulates: it counts from a beginning on, so that what it grew by is
	// judged.
	accumulates bool
	count       uint64 // of a cumulative distribution, the last one; its sum is total
	counts      *kernelCounter
	supply      *supply // nil for what cannot run out
	rhythm      rhythm
	season      *season // nil until it is known for long
	waits       float64 // seconds a second that threads wait for a CPU
	waitsUsual  float64 // on average
	irregular   bool    // it may be left out when nothing happened
	folded      bool    // of the programs that the receiver counts together, which are no service
}

// add judges a value by those before it, then takes it in. Values that deviate
// are kept out, lest a fault hide the next one; when they have gone on for half
// of what a baseline holds, they are what is usual now.
func (s *series) add(x float64, t model.Nanos) {
	s.newest = x
	s.latest[s.came%movingValues] = float32(x)
	s.came++
	s.deviation = 0
	if len(s.values) >= minValues {
		s.median = float64(s.sorted[len(s.sorted)/2])
		spread := max(normalMAD*mad(s.sorted, s.median), looseness*math.Abs(s.median), s.floor)
		// Few values know their spread badly: Student's correction for a
		// scale estimated from n values, as the ratio of its variances.
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

// note dates the deviation.
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
			s.onset = s.last + (t-s.last)/2 // it set in at some time since
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

// mad is the median absolute deviation of sorted values, found from the median
// outwards.
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
	// strangeDeviation is beyond what a normal distribution shows once in a
	// million: five standard deviations.
	strangeDeviation = 5
)

// exhausts reports whether the newest value is a fault by itself and no mere
// symptom: half of what there is. There the time spent waiting for a server
// equals the time spent being served (the M/M/1 queue), and grows from then on.
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

// strength turns a deviation into twice the log of a likelihood ratio. That of
// a normal distribution, z squared, is believed as far as metrics are normal;
// their tails are heavier, so that it grows with the logarithm from there on.
func (s *series) strength() float64 {
	z := math.Abs(s.deviation)
	if z <= strangeDeviation {
		return 0
	}
	return strangeDeviation*strangeDeviation + 10*math.Log(z/strangeDeviation)
}

// value reads a point as a gauge: a cumulative sum by its rate, which a reset
// does not make negative; a distribution by its mean. ok is false for none.
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

// rate is what a total grew by in a second. That of the first point is known if
// its counting began a moment ago.
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
	if total < before || (total == before && total > 0 && start > since) { // it began anew
		s.resets++
		before = 0
	}
	x := (total - before) / (float64(t-since) / 1e9)
	return x, !math.IsInf(x, 0) // the difference of two finite totals may be infinite
}

// mean is that of what was observed since the last point, or in the point's own
// stretch of time. Nothing observed is no value.
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

// seriesID names a series as EvidenceRef.ID does. The labels of the instance are always part of it; attributes are left out
// as a whole where it would be longer than names may be, so that what is left selects the series.
func seriesID(s *model.Series, o *origin) string {
	labels := []string{seriesLabel(semconv.ServiceName, o.service)}
	if o.pod != "" {
		labels = append(labels, seriesLabel(semconv.K8sPodName, o.pod))
	} else if o.instance != "" {
		labels = append(labels, seriesLabel(instanceKey, o.instance))
	}
	length := len(s.Metric.Name) + len("{}") + len(strings.Join(labels, ","))
	for _, kv := range s.Attributes {
		label := seriesLabel(short(kv.Key), kv.Value.Text())
		if length += len(",") + len(label); length > maxName || len(kv.Value.Text()) > maxName {
			length -= len(",") + len(label)
			continue
		}
		labels = append(labels, label)
	}
	slices.Sort(labels)
	return s.Metric.Name + "{" + strings.Join(labels, ",") + "}"
}

func seriesLabel(key, value string) string { return fmt.Sprintf("%s=%q", key, value) }
