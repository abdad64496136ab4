// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"iter"
	"math"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/detect"
	"github.com/tapio/tapio/internal/model"
)

// view is what the detectors read of the graph, at the end of a slot.
type view struct {
	graph *graph
	slot  int64
}

// Runs implements detect.View.
func (v view) Runs() iter.Seq[detect.Runs] {
	return func(yield func(detect.Runs) bool) {
		for _, held := range v.graph.operations.All() {
			if o := *held; v.recent(&o.tail.Shares) && !yield(detect.Runs{
				Role: detect.RoleOperation, Service: o.key.service, Name: o.key.name, Tail: &o.tail, Habit: &o.habit, Drift: &o.drift, Handle: o,
			}) {
				return
			}
		}
		for key, held := range v.graph.calls.All() {
			if c := *held; c.paired && v.recent(&c.tail.Shares) && !yield(detect.Runs{
				Role: detect.RoleWay, Service: key.callee, Peer: key.caller, Name: "call", Tail: &c.tail, Habit: &c.habit, Handle: c,
			}) {
				return
			}
		}
		for key, held := range v.graph.dependencies.All() {
			d := *held
			v.recent(&d.tail.Shares)
			if v.recent(&d.failures) && !yield(detect.Runs{
				Role: detect.RoleDependency, Service: key.callee, Peer: key.caller, Name: key.statement, Reason: d.reason,
				Tail: &d.tail, Failures: &d.failures, Habit: &d.habit, Drift: &d.drift, Handle: d,
			}) {
				return
			}
		}
	}
}

// recent reports whether there are runs in the recent buckets, and ends those that are
// over.
func (v view) recent(s *baseline.Shares) bool {
	if s.Head() == 0 || v.slot-s.Head() >= baseline.Recent {
		return false
	}
	s.Advance(v.slot)
	return true
}

// anomalySigns converts what the detectors of package detect find into anomalies (signs).
func (rd *runDetector) anomalySigns(slot int64, add func(*sign)) {
	v := view{graph: rd.graph, slot: slot}
	for _, d := range detect.All() {
		for _, a := range d.Detect(v) {
			add(rd.signOf(&a))
		}
	}
}

// signOf converts one anomaly of package detect into a sign.
func (rd *runDetector) signOf(a *detect.Anomaly) *sign {
	s := newSign(rd.time, rd.topology.serviceNamed(a.Blamed), classSelf, a.Of.Name, a.Of.Peer, baseline.ChangePoint{Bucket: a.Since, Ratio: a.Strength})
	s.count = a.Count
	s.supports = a.Expected
	switch a.Kind {
	case detect.KindFails:
		rd.describeFailing(s, a)
	case detect.KindNameFailure:
		rd.describeNameFailure(s, a)
	case detect.KindCreep:
		rd.describeCreep(s, a)
	default:
		rd.describeSlower(s, a)
	}
	return s
}

// slower sets the figures of durations.
func (s *sign) slower(a *detect.Anomaly) {
	s.before, s.after, s.unit = math.Expm1(a.Before), math.Expm1(a.After), "ms"
	s.size = min(1, (a.After-a.Before)/math.Ln10)
}

func (rd *runDetector) describeSlower(s *sign, a *detect.Anomaly) {
	s.slower(a)
	s.share = a.Share
	part := ""
	if a.Share < alwaysShare {
		part = fmt.Sprintf(" in %s of them", percent(a.Share))
	}
	var tail *baseline.Tail
	switch of := a.Of.Handle.(type) {
	case *operation:
		s.within(rd.topology.sliceOf(a.Of.Service, a.Since, slowRuns))
		if part != "" {
			part = fmt.Sprintf(" in %s of its runs", percent(a.Share))
		}
		s.passMetered(of.service, rd.time.Now, a.Since)
		s.text = fmt.Sprintf("%s of %s takes %s%s instead of %s%s", a.Of.Name, a.Of.Service, millis(s.after), ownCode(s, of, rd.time.Now), millis(s.before), part)
		s.evidence = of.evidence.evidence("a slow request")
		s.locate(of.place)
		of.habit.Deviates(a.Since, a.After-a.Before)
		tail = &of.tail
	case *call:
		rd.graph.describeWay(s, callKey{a.Of.Peer, a.Of.Service, of.derived}, a.Since)
		s.text = fmt.Sprintf("calls from %s to %s spend %s between the two instead of %s%s", a.Of.Peer, a.Of.Service, millis(s.after), millis(s.before), part)
		s.evidence = of.evidence.evidence("waited between client and server")
		of.habit.Deviates(a.Since, a.After-a.Before)
		tail = &of.tail
	case *dependency:
		s.dependency, s.lag = !of.lag, of.lag
		s.text = fmt.Sprintf("%s takes %s to answer %s of %s instead of %s%s", a.Of.Service, millis(s.after), cmp.Or(a.Of.Name, "calls"), a.Of.Peer, millis(s.before), part)
		s.evidence = of.evidence.evidence("waited for the answer")
		if of.lag {
			s.text = fmt.Sprintf("%s lags behind %s: messages wait for %s instead of %s%s", a.Of.Service, a.Of.Peer, millis(s.after), millis(s.before), part)
			s.brief = fmt.Sprintf("%s lags behind %s by %s (baseline %s)", a.Of.Service, a.Of.Peer, millis(s.after), millis(s.before))
		}
		of.habit.Deviates(a.Since, a.After-a.Before)
		tail = &of.tail
	}
	s.until = rd.time.Start(tail.Newest() + 1)
	s.keepOut = func() {
		tail.Exclude(a.Since)
		switch of := a.Of.Handle.(type) {
		case *operation:
			if of.past != nil {
				of.self.KeepOut(a.Since)
			}
		case *call:
			of.gap.KeepOut(a.Since)
		}
	}
}

// reasoned returns the reason why calls fail or, if there is none, a general term.
func reasoned(reason string) string {
	if reason == "" {
		return "fails"
	}
	return reason
}

func (rd *runDetector) describeFailing(s *sign, a *detect.Anomaly) {
	d := a.Of.Handle.(*dependency)
	s.dependency = true
	s.key.class, s.key.what = classError, reasoned(a.Of.Reason)
	s.before, s.after, s.unit = a.Usual, a.Share, "ratio"
	s.quote, s.from = a.Of.Reason, a.Of.Peer
	if a.Blamed == a.Of.Peer {
		s.key.peer = a.Of.Service
	}
	with := ""
	if a.Of.Reason != "" {
		with = " with “" + a.Of.Reason + "”"
	}
	s.text = fmt.Sprintf("%s of the calls from %s to %s fail%s instead of %s", percent(a.Share), a.Of.Peer, a.Of.Service, with, percent(a.Usual))
	s.brief = fmt.Sprintf("calls from %s to %s fail%s", a.Of.Peer, a.Of.Service, with)
	s.evidence = d.failed.evidence("failed")
	if s.key.service == a.Of.Service {
		s.within(instanceAt(rd.topology, d, a.Share))
	}
	s.until = rd.time.Start(d.failures.Newest() + 1)
	s.keepOut = func() { d.failures.Exclude(a.Since) }
}

// nameServers lists common names of the service that resolves host names.
func nameServers() []string {
	return []string{"coredns", "kube-dns", "dns", "dnsmasq", "unbound", "bind"}
}

// nameServer returns the service that resolves names, or "dns" if none is known.
func (t *topology) nameServer() string {
	for _, name := range nameServers() {
		if known, found := t.graph.aliases[folded(name)]; found {
			return known
		}
	}
	return "dns"
}

func (rd *runDetector) describeNameFailure(s *sign, a *detect.Anomaly) {
	rd.describeFailing(s, a)
	s.key.service, s.key.peer = rd.topology.nameServer(), a.Of.Peer
	s.pod, s.node, s.label = "", "", ""
	s.callee = a.Of.Service
	rd.graph.call(a.Of.Peer, s.key.service)
	s.text = fmt.Sprintf("%s cannot resolve names: %s of the calls from %s to %s fail with “%s” instead of %s",
		s.key.service, percent(a.Share), a.Of.Peer, a.Of.Service, a.Of.Reason, percent(a.Usual))
	s.brief = fmt.Sprintf("names cannot be resolved: “%s”", a.Of.Reason)
}

func (rd *runDetector) describeCreep(s *sign, a *detect.Anomaly) {
	s.slower(a)
	s.hours = a.Hours
	s.onset = rd.time.Now - min(rd.time.Now, model.Nanos(a.Hours)*hour)
	what := fmt.Sprintf("%s of %s", a.Of.Name, a.Of.Service)
	switch of := a.Of.Handle.(type) {
	case *operation:
		s.evidence = of.evidence.evidence("a slow request")
	case *dependency:
		s.dependency = true
		what = fmt.Sprintf("%s, asked for %s by %s,", a.Of.Service, cmp.Or(a.Of.Name, "answers"), a.Of.Peer)
		s.evidence = of.evidence.evidence("waited for the answer")
	}
	s.text = fmt.Sprintf("%s has been getting slower for %d h: it takes %s instead of %s", what, a.Hours, millis(s.after), millis(s.before))
}
