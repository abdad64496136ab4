// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

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
func (e *Engine) observeKernel(ev *model.Event, s *service, ref reference) bool {
	if ev.Name == execEvent {
		return e.observeExec(ev, ref)
	}
	if isExit(ev) {
		s.noteEnd(ev)
	}
	rule, found := e.kernelRules[ev.Name]
	switch {
	case !found || rule.Faulty != nil && !rule.Faulty(ev.Attributes):
		return false
	case rule.Kind == kernelrule.Retransmit && loopback(ev.Attributes):
		return false
	case rule.Connects && e.graph.otherLoopback(endpointOf(ev.Attributes, "network.peer.", s.node)):
		return false
	case rule.Kind == kernelrule.LookupFailure && e.searchStep(ev, s):
		return false
	case rule.Alone || kernelrule.FatalSignal(ev.Attributes):
		e.keepKernel(e.aloneSign(ev, s, rule, peerOfEvent(ev), ref))
		return true
	}
	k := kernelLine{rule: rule, peer: peerOfEvent(ev), fault: faultOf(ev)}
	if rule.Connects {
		from := s.name
		if s, k.place = e.far(ev.Attributes, s); s.name != from {
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
	l := e.kernelLine(s, &k)
	l.seenOn(k.node, e.slotOf(ev.When()))
	e.noteFirst(&l.showed, ev.When())
	if l.observe(e.slotOf(ev.When()), false, 1) {
		l.kernel.slow, l.kernel.tree = max(l.kernel.slow, k.slow), treeOf(ev)
		l.evidence.add(ref)
	}
	return true
}

func (e *Engine) kernelLine(s *service, k *kernelLine) *line {
	l := e.lineFor(s, &template{
		tokens: []string{k.rule.Event, k.peer}, text: strings.Join([]string{kernelPrefix + k.rule.Event, k.fault, k.peer, k.place}, " "),
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
			return kept(v.Text())
		}
	}
	return ""
}

// kernelPrefix distinguishes the templates of kernel events from those of log lines.
const kernelPrefix = "\x00"

func peerOfEvent(ev *model.Event) string {
	for _, key := range [...]string{semconv.DNSQuestionName, semconv.ServerAddress, semconv.NetworkPeerAddress, semconv.DiskDevice, semconv.SystemDevice, semconv.FileDirectory} {
		if v, found := ev.Attributes.Get(key); found {
			return kept(v.Text())
		}
	}
	return ""
}

func (e *Engine) keepKernel(s *sign) {
	if len(e.kernel) >= e.maxKernel {
		e.kernel = append(e.kernel[:0], e.kernel[1:]...)
		e.kernelEvicted++
	}
	e.kernel = append(e.kernel, s)
}

// aloneSign makes an anomaly of a single event.
func (e *Engine) aloneSign(ev *model.Event, s *service, rule kernelrule.Rule, peer string, ref reference) *sign {
	process, _ := ev.Attributes.Get(semconv.ProcessExecutableName)
	pid, _ := ev.Attributes.Get(semconv.ProcessPID)
	who := kept(cmp.Or(process.Str(), s.name))
	sign := &sign{
		key:   signKey{service: s.name, class: classKernel, what: rule.Event, peer: peer},
		onset: ev.When(), last: ev.When(), strength: maxStrength, after: 1, count: 1, pod: s.pod, node: s.node,
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
