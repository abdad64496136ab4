// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/tapio"
)

// kernelCase is a sort of kernel event, known by a word in its name.
type kernelCase struct {
	word string
	// alone: one event is a fault in itself; the others count when there are
	// more of them than before.
	alone bool
	says  string
}

func kernelCases() []kernelCase {
	return []kernelCase{
		{"oom", true, "ran out of memory: the kernel killed it"},
		{"crash", true, "crashed"},
		{"signal", false, "was killed by a fault of its own"},
		{"exit", false, "exits with an error"},
		{"refused", false, "is refused when it connects"},
		{"reset", false, "has its connections reset"},
		{"connect", false, "fails to connect"},
		{"retransmit", false, "loses packets: TCP sends them again"},
		{"dns", false, "fails to resolve names"},
		{"throttl", false, "is throttled at its CPU limit"},
		{"block", false, "waits long for its disk"},
		{"io.", false, "waits long for its disk"},
		{"slow", false, "waits long in system calls"},
		{"sched", false, "waits long for a CPU"},
	}
}

// observeKernel takes an event of Tapio's receiver as a sign of its service; it
// reports whether the event tells of a fault.
func (e *Engine) observeKernel(ev *tapio.Event, s *service, ref reference) bool {
	name := strings.TrimPrefix(ev.Name, "tapio.")
	var found *kernelCase
	cases := kernelCases()
	for i := range cases {
		if strings.Contains(name, cases[i].word) {
			found = &cases[i]
			break
		}
	}
	if found == nil || name == "correlation" || !tellsOfFault(ev, found.word) {
		return false
	}
	peer := peerOfEvent(ev)
	if found.alone || fatalSignal(ev) {
		e.alone(ev, s, found, peer, ref)
		return true
	}
	t := &template{tokens: []string{ev.Name, peer}, text: kernelPrefix + ev.Name + " " + peer}
	if l := e.lineFor(s, t); l.observe(e.slotOf(ev.When()), false) {
		l.evidence.add(ref)
	}
	return true
}

// kernelPrefix tells the lines that are kernel events from log lines.
const kernelPrefix = "\x00"

// tellsOfFault leaves out the events that are the ordinary course of things: a
// clean exit, a signal from outside, a connection that came about.
func tellsOfFault(ev *tapio.Event, word string) bool {
	switch word {
	case "exit":
		code, _ := ev.Attributes.Get("process.exit.code")
		return code.Int() != 0 || fatalSignal(ev)
	case "signal":
		return fatalSignal(ev)
	case "connect", "dns", "block", "io.", "sched":
		_, failed := ev.Attributes.Get("error.type")
		return failed || slices.ContainsFunc([]string{"fail", "slow", "refused", "timeout", "error", "stall"}, func(w string) bool {
			return strings.Contains(ev.Name, w)
		})
	}
	return true
}

// fatalSignal reports whether a process died of a fault of its own; being
// terminated or killed from outside is none.
func fatalSignal(ev *tapio.Event) bool {
	for _, key := range [...]string{"tapio.process.exit_signal", "tapio.signal.name"} {
		v, _ := ev.Attributes.Get(key)
		switch strings.TrimPrefix(v.Text(), "SIG") {
		case "SEGV", "ABRT", "BUS", "ILL", "FPE", "11", "6", "7", "4", "8":
			return true
		}
	}
	return false
}

func peerOfEvent(ev *tapio.Event) string {
	for _, key := range [...]string{"dns.question.name", "server.address", "network.peer.address", "disk.device", "system.device"} {
		if v, found := ev.Attributes.Get(key); found {
			return kept(v.Text())
		}
	}
	return ""
}

// alone makes a sign of one event.
func (e *Engine) alone(ev *tapio.Event, s *service, c *kernelCase, peer string, ref reference) {
	if len(e.kernel) >= maxKernelSigns {
		e.kernel = append(e.kernel[:0], e.kernel[1:]...)
		e.kernelEvicted++
	}
	process, _ := ev.Attributes.Get("process.executable.name")
	pid, _ := ev.Attributes.Get("process.pid")
	who := cmp.Or(process.Str(), s.name)
	sign := &sign{
		key:   signKey{service: s.name, class: classKernel, what: kept(ev.Name), peer: peer},
		onset: ev.When(), last: ev.When(), strength: maxStrength, after: 1, count: 1, pod: s.pod, node: s.node,
		event: kept(ev.Name), text: fmt.Sprintf("%s of %s %s", kept(who), s.name, c.says),
	}
	sign.subject = tapio.Entity{Kind: tapio.EntityProcess, Name: kept(who), Attributes: tapio.Attributes{
		{Key: "process.pid", Value: tapio.StringValue(pid.Text())}, {Key: "service.name", Value: tapio.StringValue(s.name)},
	}}
	var r ring
	r.add(ref)
	sign.evidence = r.evidence(sign.text)
	e.kernel = append(e.kernel, sign)
}

const maxKernelSigns = 1024

// kernelText says in words what kernel events tell.
func kernelText(service, template string, count int) (event, text string) {
	event, peer, _ := strings.Cut(strings.TrimPrefix(template, kernelPrefix), " ")
	says := "reports " + event
	for _, c := range kernelCases() {
		if strings.Contains(strings.TrimPrefix(event, "tapio."), c.word) {
			says = c.says
			break
		}
	}
	if peer != "" {
		says += " (" + peer + ")"
	}
	return event, fmt.Sprintf("%s %s, %d times", service, says, count)
}
