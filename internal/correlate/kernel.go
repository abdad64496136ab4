// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/lru"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// kernelEvents takes the events and counters of the kernel. Those that occur again and again are lines
// of the logbook, single ones wait in pending to be judged.
type kernelEvents struct {
	time     *bucket.Time
	logbook  *logbook
	topology *topology
	graph    *graph
	rules    kernelrule.Table
	pending  []*sign
	most     int // bounds pending, so that it fits in the memory limit
	evicted  int
	// searched holds the names that services looked up without an answer.
	searched *lru.Table[string, *searched]
}

// kernelLine identifies repeated kernel events of one service.
type kernelLine struct {
	rule  kernelrule.Rule
	fault string // error.type, exit code or system call
	peer  string // the other service, the device, or the name that was looked up
	place string // address or cgroup
	slow  float64
	limit float64  // memory limit in bytes
	node  string   // node of all recent events, "" for several
	tree  []string // keys of the newest process and its ancestors
}

// observeKernel takes an event of the eBPF receiver. It reports whether the event is about a fault.
func (ke *kernelEvents) observeKernel(ev *model.Event, s *service, ref reference) bool {
	if ev.Name == execEvent {
		return ke.observeExec(ev, ref)
	}
	if isExit(ev) {
		s.noteEnd(ev)
	}
	rule, found := ke.rules[ev.Name]
	switch {
	case !found || rule.Faulty != nil && !rule.Faulty(ev.Attributes):
		return false
	case rule.Kind == kernelrule.Retransmit && loopback(ev.Attributes):
		return false
	case rule.Connects && ke.graph.otherLoopback(endpointOf(ev.Attributes, "network.peer.", s.node)):
		return false
	case rule.Kind == kernelrule.LookupFailure && ke.searchStep(ev, s):
		return false
	case rule.Alone || kernelrule.FatalSignal(ev.Attributes):
		ke.keepKernel(ke.aloneSign(ev, s, rule, peerOfEvent(ev), ref))
		return true
	}
	k := kernelLine{rule: rule, peer: peerOfEvent(ev), fault: faultOf(ev)}
	if rule.Connects {
		from := s.name
		if s, k.place = ke.far(ev.Attributes, s); s.name != from {
			k.peer = from
		}
	}
	if rule.Kind == kernelrule.LookupFailure {
		k.node = s.node
		k.place = endpointOf(ev.Attributes, "network.peer.", s.node)
	}
	if d, found := ev.Attributes.Get(semconv.SyscallDuration); found {
		k.slow = d.Double()
	}
	l := ke.kernelLine(s, &k)
	l.seenOn(k.node, ke.time.Of(ev.When()))
	ke.time.NoteFirst(&l.showed, ev.When())
	if l.observe(ke.time.Of(ev.When()), false, 1) {
		l.kernel.slow, l.kernel.tree = max(l.kernel.slow, k.slow), treeOf(ev)
		l.evidence.add(ref)
	}
	return true
}

func (ke *kernelEvents) kernelLine(s *service, k *kernelLine) *line {
	l := ke.logbook.lineFor(s, &logtemplate.Template{
		Tokens: []string{k.rule.Event, k.peer}, Text: strings.Join([]string{kernelPrefix + k.rule.Event, k.fault, k.peer, k.place}, " "),
	})
	if l.kernel == nil {
		l.kernel = k
	}
	return l
}

// faultOf returns how it failed.
func faultOf(ev *model.Event) string {
	for _, key := range [...]string{semconv.SyscallName, semconv.ErrorType, semconv.ProcessExitCode, semconv.ProcessExitSignal} {
		if v, found := ev.Attributes.Get(key); found {
			return bound.Copy(v.Text())
		}
	}
	return ""
}

// kernelPrefix distinguishes the templates of kernel events from those of log lines.
const kernelPrefix = "\x00"

func peerOfEvent(ev *model.Event) string {
	for _, key := range [...]string{semconv.DNSQuestionName, semconv.ServerAddress, semconv.NetworkPeerAddress, semconv.DiskDevice, semconv.SystemDevice, semconv.FileDirectory} {
		if v, found := ev.Attributes.Get(key); found {
			return bound.Copy(v.Text())
		}
	}
	return ""
}

func (ke *kernelEvents) keepKernel(s *sign) {
	if len(ke.pending) >= ke.most {
		ke.pending = append(ke.pending[:0], ke.pending[1:]...)
		ke.evicted++
	}
	ke.pending = append(ke.pending, s)
}

// aloneSign makes an anomaly of a single event.
func (ke *kernelEvents) aloneSign(ev *model.Event, s *service, rule kernelrule.Rule, peer string, ref reference) *sign {
	process, _ := ev.Attributes.Get(semconv.ProcessExecutableName)
	pid, _ := ev.Attributes.Get(semconv.ProcessPID)
	who := bound.Copy(cmp.Or(process.Str(), s.name))
	sign := &sign{
		key:   signKey{service: s.name, class: classKernel, what: rule.Event, peer: peer},
		onset: ev.When(), last: ev.When(), strength: baseline.MaxStrength, after: 1, count: 1, pod: s.pod, node: s.node,
		event: rule.Event, novel: true, text: aloneText(ev, who, s.name, rule.Text),
		kernel: &kernelLine{rule: rule, tree: treeOf(ev)},
	}
	if limit, found := ev.Attributes.Get(semconv.OOMCgroupLimit); found {
		sign.kernel.limit = float64(limit.Int())
	}
	sign.subject = model.Entity{Kind: model.EntityProcess, Name: who, Attributes: model.Attributes{
		{Key: semconv.ProcessPID, Value: model.StringValue(pid.Text())}, {Key: semconv.ServiceName, Value: model.StringValue(s.name)},
	}}
	var r ring
	r.add(ref)
	sign.evidence = r.evidence(sign.text)
	return sign
}

const maxKernelSigns = 1024

// aloneText describes what happened to a process, and for memory how much there was.
func aloneText(ev *model.Event, who, service, says string) string {
	if who != service {
		who += " of " + service
	}
	text := who + " " + says
	if limit, found := ev.Attributes.Get(semconv.OOMCgroupLimit); found && limit.Int() > 0 {
		text += fmt.Sprintf(" at its limit of %s", quantity(float64(limit.Int()), "By"))
	}
	return text
}
