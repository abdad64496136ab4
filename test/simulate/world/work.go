// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

// What a system does besides serving requests of users.

// quietJob is work that comes by the clock.
type quietJob struct {
	op    *Operation
	every int64
	due   int64
	n     int
}

func (j *quietJob) run(w *World) {
	if w.now < j.due {
		return
	}
	j.due = w.now + j.every
	for range j.n {
		on := w.replica(j.op.Service)
		if on == nil {
			return
		}
		r := w.newRequest()
		w.serve(r, j.op, on, w.now+w.traffic.Int64N(second), [8]byte{}, "")
	}
}

// quietJobs gives some services a periodic job: a heavy query, a report, a sync.
func (w *World) quietJobs() {
	for _, s := range w.Services {
		if s.consumer || len(s.backends) == 0 || !w.shape.happens(0.2) {
			continue
		}
		b := s.backends[0]
		name := pick(w.shape, []string{"nightly-report", "sync-totals", "refresh-view", "expire-holds", "reconcile"})
		job := &Operation{Service: s, Name: name, median: 0.05, sigma: 0.3, internal: true, template: "job %s finished, %d rows"}
		table := pick(w.shape, b.tables)
		job.calls = append(job.calls, &Call{
			chance: 1, backend: b, what: "SELECT " + table, table: table, timeout: 300, slower: w.shape.between(200, 1500),
			text: "SELECT account_id, sum(amount) FROM " + table + " GROUP BY account_id",
		})
		s.ops = append(s.ops, job)
		every := pick(w.shape, []int64{5, 15, 15, 60}) * minute
		w.quiet = append(w.quiet, &quietJob{op: job, every: every, due: w.now + w.shape.Int64N(every), n: w.shape.count(1, 4)})
	}
}

// queued is a message on its way to a consumer.
type queued struct {
	backend *Backend
	at      int64
	trace   [16]byte
	sampled bool
	tenant  string
	span    [8]byte
}

func (w *World) publish(r *request, b *Backend, at int64, span [8]byte) {
	w.queued = append(w.queued, queued{backend: b, at: at + nanos(w.traffic.between(0.002, 0.03)), trace: r.trace, sampled: r.sampled, tenant: r.tenant, span: span})
	b.lag++
}

// consume lets consumers take what has come, unless something holds them up.
func (w *World) consume() {
	left := w.queued[:0]
	for _, m := range w.queued {
		o := m.backend.consumer
		on := w.replica(o.Service)
		if m.at >= w.now+second || on == nil || w.held(m.backend) {
			left = append(left, m)
			continue
		}
		m.backend.lag--
		r := &request{trace: m.trace, sampled: m.sampled, tenant: m.tenant}
		at, parent := max(m.at, w.now+w.traffic.Int64N(second/4)), m.span
		if w.style.linked {
			r.link, r.linkTrace = m.span, m.trace
			w.traffic.fill(r.trace[:])
			copy(r.trace[8:], m.trace[8:]) // the same randomness: kept alike
			parent = [8]byte{}
		}
		w.serve(r, o, on, at, parent, "")
	}
	w.queued = left
}

// held reports whether a consumer does not get on.
func (w *World) held(b *Backend) bool {
	for _, e := range w.active {
		if e.hold != nil && e.hold(b) {
			return true
		}
	}
	return false
}

// pauseLength is how long the garbage collection that is due stops a replica.
func (i *Instance) pauseLength() int64 {
	// Most are short; every thirtieth is a full one.
	if (i.pauses+i.pid)%30 == 0 {
		return nanos(0.2 + float64(i.pid%7)*0.09)
	}
	return nanos(0.004 + float64((i.pauses*7+i.pid)%13)*0.002)
}

func (w *World) nextPause(i *Instance) {
	if i.pauseAt == 0 || w.now < i.pauseAt+i.pauseLength() {
		return
	}
	i.gc += float64(i.pauseLength()) / 1e9
	i.pauses++
	i.pauseAt = w.now + nanos(w.traffic.between(10, 60)/(1+4*i.load))
}

// idleLines are what services log of themselves.
func (w *World) idleLines() {
	for _, s := range w.Services {
		for _, i := range s.replicas {
			switch {
			case i.gone:
			case w.traffic.happens(1.0 / 60):
				w.line(i, w.now+w.traffic.Int64N(second), nil, [8]byte{}, severityInfo, lineText(w.traffic, pick(w.traffic, idleTemplates()), ""))
			case w.traffic.happens(1.0 / 900):
				w.line(i, w.now+w.traffic.Int64N(second), nil, [8]byte{}, severityWarn, lineText(w.traffic, pick(w.traffic, warnTemplates()), ""))
			}
		}
	}
}
