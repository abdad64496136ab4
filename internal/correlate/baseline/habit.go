// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package baseline

const (
	// habitTimes is how many beginnings are remembered.
	habitTimes = 6
	// habitSlack is how exactly what recurs keeps its time: a tenth of its period.
	habitSlack = 0.1
	// habitGrowth is by how much what recurs may exceed what it was before.
	habitGrowth = 1.5
	// leastPeriod is the shortest period, in buckets: what comes every minute is part of
	// the distribution. A fault that is injected twice within minutes has none.
	leastPeriod = 60
	// minPeriods is how many equal periods make a habit. Two may be chance.
	minPeriods = 2
)

// Habit remembers when something deviated and by how much, so that what recurs in
// equal periods, as a job that runs every quarter of an hour, is known. The zero value
// is ready.
type Habit struct {
	begins [habitTimes]int64 // the newest last, 0 for none
	most   float32           // the largest of the deviations, slowly forgotten
	last   int64             // bucket in which it deviated last
}

// Deviates notes that something deviates in a bucket, by so much.
func (h *Habit) Deviates(bucket int64, by float64) {
	if h.begins[habitTimes-1] == 0 || bucket-h.last > Recent {
		copy(h.begins[:], h.begins[1:])
		h.begins[habitTimes-1] = bucket
		h.most *= 0.9
	}
	h.last = max(h.last, bucket)
	h.most = max(h.most, float32(by))
}

// Expects reports whether a deviation that began in a bucket, of that size, comes when
// and as it always does: the periods before are equal, and it is due.
func (h *Habit) Expects(began int64, by float64) bool {
	times := h.earlier(began)
	if len(times) <= minPeriods || by > habitGrowth*float64(h.most) {
		return false
	}
	period := float64(times[len(times)-1] - times[0])
	for i := 1; i < len(times); i++ {
		period = min(period, float64(times[i]-times[i-1]))
	}
	if period < leastPeriod || !multiple(began-times[len(times)-1], period) {
		return false
	}
	for i := 1; i < len(times); i++ {
		if !multiple(times[i]-times[i-1], period) {
			return false
		}
	}
	return true
}

// multiple reports whether a time is one of few periods: one that was missed, or not
// noticed, leaves two.
func multiple(time int64, period float64) bool {
	n := max(1, float64(int(float64(time)/period+0.5)))
	off := float64(time) - n*period
	return n <= habitTimes && off <= habitSlack*period*n && off >= -habitSlack*period*n
}

// earlier lists the beginnings before one.
func (h *Habit) earlier(began int64) []int64 {
	from, to := 0, habitTimes
	for from < to && h.begins[from] == 0 {
		from++
	}
	for from < to && h.begins[to-1]+Recent > began {
		to--
	}
	return h.begins[from:to]
}
