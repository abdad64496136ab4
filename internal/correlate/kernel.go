// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// kernelCase is a sort of kernel event, known by a word in its name.
type kernelCase struct {
	word string
	// alone: one event is a fault in itself; the others count when there are
	// more of them than before.
	alone bool
	// connects: it tells of a connection, and its fault may be at the other end.
	connects bool
	says     string
}

func kernelCases() []kernelCase {
	return []kernelCase{
		{word: "oom", alone: true, says: "ran out of memory: the kernel killed it"},
		{word: "crash", alone: true, says: "crashed"},
		{word: "signal", says: "was killed by a fault of its own"},
		{word: "exit", says: "exits with an error"},
		{word: "refused", connects: true, says: "refuses connections"},
		{word: "reset", connects: true, says: "cuts its connections"},
		{word: "connect", connects: true, says: "cannot be connected to"},
		{word: "retransmit", connects: true, says: "loses packets"},
		{word: "dns", says: "cannot resolve names"},
		{word: "throttl", says: "is throttled: its CPU quota is used up"},
		{word: "disk", says: "has requests to its disk fail"},
		{word: "block", says: "waits long for its disk"},
		{word: "io.", says: "waits long for its disk"},
		{word: "slow", says: "waits long in a system call"},
		{word: "sched", says: "waits long for a CPU"},
		{word: "file.", says: "is denied access to files"},
	}
}

// kernelLine is what the kernel tells again and again of one service.
type kernelLine struct {
	event string // its name
	word  string // of the kernelCase
	says  string
	fault string // error.type, exit code or system call
	peer  string // the other service, the device or the name that was asked for
	place string // address or cgroup
	slow  float64
	limit float64  // bytes, of memory
	node  string   // that all of the recent ones are of, "" for several
	tree  []string // keys of the newest process and its ancestors
}

// observeKernel takes an event of Tapio's receiver as a sign of its service; it
// reports whether the event tells of a fault.
func (e *Engine) observeKernel(ev *model.Event, s *service, ref reference) bool {
	if ev.Name == execEvent {
		return e.observeExec(ev, ref)
	}
	if isExit(ev) {
		s.noteEnd(ev)
	}
	c := caseOf(ev.Name)
	if c != nil && (c.word == "retransmit" && loopback(ev.Attributes) || c.connects && e.graph.otherLoopback(endpointOf(ev.Attributes, "network.peer.", s.node))) {
		return false
	}
	if c == nil || !tellsOfFault(ev, c.word) || c.word == "dns" && e.searchStep(ev, s) {
		return false
	}
	if c.alone || fatalSignal(ev) {
		e.alone(ev, s, c, peerOfEvent(ev), ref)
		return true
	}
	k := kernelLine{event: kept(ev.Name), word: c.word, says: c.says, peer: peerOfEvent(ev), fault: faultOf(ev)}
	if c.connects {
		from := s.name
		if s, k.place = e.far(ev.Attributes, s); s.name != from {
			k.peer = from
		}
	}
	if c.word == "dns" {
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

// caseOf returns the sort of an event or a metric, nil for none.
func caseOf(name string) *kernelCase {
	name = strings.TrimPrefix(name, "tapio.")
	cases := kernelCases()
	for i := range cases {
		if strings.Contains(name, cases[i].word) {
			return &cases[i]
		}
	}
	return nil
}

func (e *Engine) kernelLine(s *service, k *kernelLine) *line {
	l := e.lineFor(s, &template{
		tokens: []string{k.event, k.peer}, text: strings.Join([]string{kernelPrefix + k.event, k.fault, k.peer, k.place}, " "),
	})
	if l.kernel == nil {
		l.kernel = k
	}
	return l
}

// faultOf reads how it went wrong.
func faultOf(ev *model.Event) string {
	for _, key := range [...]string{semconv.SyscallName, semconv.ErrorType, semconv.ProcessExitCode, semconv.ProcessExitSignal} {
		if v, found := ev.Attributes.Get(key); found {
			return kept(v.Text())
		}
	}
	return ""
}

// kernelPrefix tells the lines that are kernel events from log lines.
const kernelPrefix = "\x00"

// tellsOfFault leaves out the events that are the ordinary course of things: a
// clean exit, a signal from outside, a connection that came about.
func tellsOfFault(ev *model.Event, word string) bool {
	switch word {
	case "exit":
		code, _ := ev.Attributes.Get(semconv.ProcessExitCode)
		return code.Int() != 0 || fatalSignal(ev)
	case "signal":
		return fatalSignal(ev)
	case "file.":
		fault, _ := ev.Attributes.Get(semconv.ErrorType)
		return fault.Str() == "EACCES" || fault.Str() == "EPERM"
	case "connect", "dns", "block", "io.", "sched":
		_, failed := ev.Attributes.Get(semconv.ErrorType)
		return failed || slices.ContainsFunc([]string{"fail", "slow", "refused", "timeout", "error", "stall"}, func(w string) bool {
			return strings.Contains(ev.Name, w)
		})
	}
	return true
}

// fatalSignal reports whether a process died of a fault of its own; being
// terminated or killed from outside is none.
func fatalSignal(ev *model.Event) bool {
	for _, key := range [...]string{semconv.ProcessExitSignal, semconv.SignalName} {
		v, _ := ev.Attributes.Get(key)
		switch strings.TrimPrefix(v.Text(), "SIG") {
		case "SEGV", "ABRT", "BUS", "ILL", "FPE", "11", "6", "7", "4", "8":
			return true
		}
	}
	return false
}

func peerOfEvent(ev *model.Event) string {
	for _, key := range [...]string{semconv.DNSQuestionName, semconv.ServerAddress, semconv.NetworkPeerAddress, semconv.DiskDevice, semconv.SystemDevice, semconv.FileDirectory} {
		if v, found := ev.Attributes.Get(key); found {
			return kept(v.Text())
		}
	}
	return ""
}

// alone takes one event as a sign.
func (e *Engine) alone(ev *model.Event, s *service, c *kernelCase, peer string, ref reference) {
	e.keepKernel(e.aloneSign(ev, s, c, peer, ref))
}

func (e *Engine) keepKernel(s *sign) {
	if len(e.kernel) >= e.maxKernel {
		e.kernel = append(e.kernel[:0], e.kernel[1:]...)
		e.kernelEvicted++
	}
	e.kernel = append(e.kernel, s)
}

// aloneSign makes a sign of one event.
func (e *Engine) aloneSign(ev *model.Event, s *service, c *kernelCase, peer string, ref reference) *sign {
	process, _ := ev.Attributes.Get(semconv.ProcessExecutableName)
	pid, _ := ev.Attributes.Get(semconv.ProcessPID)
	who := kept(cmp.Or(process.Str(), s.name))
	sign := &sign{
		key:   signKey{service: s.name, class: classKernel, what: kept(ev.Name), peer: peer},
		onset: ev.When(), last: ev.When(), strength: maxStrength, after: 1, count: 1, pod: s.pod, node: s.node,
		event: kept(ev.Name), novel: true, text: aloneText(ev, who, s.name, c.says),
		kernel: &kernelLine{event: kept(ev.Name), word: c.word, tree: treeOf(ev)},
	}
	if limit, found := ev.Attributes.Get(semconv.OOMCgroupLimit); found {
		sign.kernel.limit = float64(limit.Int())
	}
	sign.kernel.says = c.says
	sign.subject = model.Entity{Kind: model.EntityProcess, Name: who, Attributes: model.Attributes{
		{Key: semconv.ProcessPID, Value: model.StringValue(pid.Text())}, {Key: semconv.ServiceName, Value: model.StringValue(s.name)},
	}}
	var r ring
	r.add(ref)
	sign.evidence = r.evidence(sign.text)
	return sign
}

const maxKernelSigns = 1024

// aloneText says what happened to a process, and of memory how much there was.
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
