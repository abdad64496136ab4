// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

// Text returns the fact as a sentence with its figures, and what is usual beside them. It has no
// final period.
func (f *Fact) Text() string {
	switch f.Kind {
	case FactFailing:
		return f.failing()
	case FactErrorLog:
		text := fmt.Sprintf("%s logs the error %s %s since %s", f.Service, quoted(f.said(), 120), times(f.Count), Clock(f.Onset))
		if f.New {
			text += " (never before)"
		}
		return text
	case FactNetwork:
		return fmt.Sprintf("%s → %s: %s per call pass between client and server (baseline %s)", f.Peer, f.Service, Millis(f.After), Millis(f.Before))
	case FactDependency:
		return fmt.Sprintf("%s → %s: %s take %s (baseline %s)%s", f.Peer, f.Service, calls(f.What), Millis(f.After), Millis(f.Before), f.part())
	case FactCallsFail:
		return f.callsFail()
	case FactNames:
		if len(f.Peers) > 0 {
			return fmt.Sprintf("lookups of %s by %s fail with %s, %s since %s", f.names(), Listed(f.Peers), quoted(f.Quote, 80), times(f.Count), Clock(f.Onset))
		}
		return fmt.Sprintf("%s cannot resolve names: %s of the calls from %s to %s fail with %s (baseline %s)",
			f.Service, Percent(f.After), f.Peer, f.What, quoted(f.Quote, 120), Percent(f.Before))
	case FactCreep:
		return fmt.Sprintf("%s of %s has been getting slower for %d h: it takes %s (baseline %s)", f.What, f.Service, f.Hours, Millis(f.After), Millis(f.Before))
	case FactSlow:
		return fmt.Sprintf("%s of %s takes %s%s (baseline %s)%s", f.What, f.Service, Millis(f.After), f.ownCode(), Millis(f.Before), f.part())
	case FactSkipped:
		return fmt.Sprintf("%s %s in %s of %s requests (baseline %s)", f.Service, f.What, Percent(f.After), orAll(f.Peer), Percent(f.Before))
	case FactStopped:
		return fmt.Sprintf("%s continues; %s have stopped since %s", f.Service, Listed(f.Peers), Clock(f.Onset))
	case FactEndsEarly:
		if f.What == "" {
			return fmt.Sprintf("%s of %s requests to %s end before it calls or logs anything (baseline %s)",
				Percent(f.After), orAll(f.Peer), f.Service, Percent(1-f.Before))
		}
		return fmt.Sprintf("%s of %s requests end once %s %s (never before)", Percent(f.After), orAll(f.Peer), f.Service, f.What)
	case FactKernel:
		return f.kernel()
	case FactProfile:
		return f.profiled()
	default:
		return f.measured()
	}
}

// profiled describes a function whose cost grew, with what was compared.
func (f *Fact) profiled() string {
	p := &f.Profile
	over := func(r model.TimeRange) string { return Span(max(r.End-min(r.Start, r.End), 1e9)) }
	compared := fmt.Sprintf("%d samples in %s, %d in the %s before", p.SeenAfter, over(p.After), p.SeenBefore, over(p.Before))
	if p.Waiting {
		return fmt.Sprintf("threads of %s wait %s per second in %s (baseline %s; %s)", f.Service, Millis(1000*f.After), f.What, Millis(1000*f.Before), compared)
	}
	return fmt.Sprintf("%s takes %s of the CPU time of %s (baseline %s; %s)", f.What, Percent(f.After), f.Service, Percent(f.Before), compared)
}

// measured is what metrics show.
func (f *Fact) measured() string {
	switch f.Kind {
	case FactMetric:
		return fmt.Sprintf("%s of %s is %s (baseline %s)", f.What, f.Service, Quantity(f.After, f.Unit), Quantity(f.Before, f.Unit))
	case FactPool:
		return fmt.Sprintf("%.0f requests of %s wait for a connection of its pool (baseline %.0f)", f.After, f.Service, f.Before)
	case FactResource:
		return fmt.Sprintf("%s use of %s is %s (baseline %s; %s)", ResourceWord(f.What), f.Service, Quantity(f.After, f.Unit), Quantity(f.Before, f.Unit), f.What)
	case FactForecast:
		return fmt.Sprintf("%s of %s is at %s and will be used up at about %s if it goes on like this", f.Peer, f.Service, Quantity(f.After, f.Unit), Clock(f.Until))
	case FactSilent:
		return fmt.Sprintf("%s has reported no metrics since %s", f.Service, Clock(f.Onset))
	case FactRestarts:
		return fmt.Sprintf("the counters of %s started from zero %s since %s", f.Service, times(f.Count), Clock(f.Onset))
	case FactRestart:
		return fmt.Sprintf("%s restarted at %s", f.Service, Clock(f.Onset))
	case FactRelease:
		if f.What != "" {
			return fmt.Sprintf("%s changed from version %s to %s at %s", f.Service, f.What, f.Peer, Clock(f.Onset))
		}
		return fmt.Sprintf("%s runs version %s since %s", f.Service, f.Peer, Clock(f.Onset))
	case FactTraffic:
		return fmt.Sprintf("%s receives %s requests/s (baseline %s) since %s", f.Service, Rounded(f.After), Rounded(f.Before), Clock(f.Onset))
	case FactLag:
		return fmt.Sprintf("%s lags behind %s: messages wait for %s (baseline %s)", f.Service, f.Peer, Millis(f.After), Millis(f.Before))
	case FactOverload:
		return fmt.Sprintf("%s is overloaded: %s requests/s (baseline %s)", f.Service, Rounded(f.After), Rounded(f.Before))
	case FactLogVolume:
		return f.logVolume()
	default:
		return f.Sentence
	}
}

func (f *Fact) logVolume() string {
	switch {
	case f.New:
		return fmt.Sprintf("%s logs %s, which it did not before %s", f.Service, quoted(f.said(), 100), Clock(f.Onset))
	case f.After > f.Before:
		return fmt.Sprintf("%s logs %s %s times a minute (baseline %s)", f.Service, quoted(f.said(), 100), number(f.After), number(f.Before))
	}
	return fmt.Sprintf("%s logs %s only %s times a minute (baseline %s)", f.Service, quoted(f.said(), 100), number(f.After), number(f.Before))
}

// names lists the names that are not resolved: those of several hosts, or the service.
func (f *Fact) names() string {
	if f.What != "" {
		return f.What
	}
	return f.Service
}

// part is of how many runs it is, where not of nearly all.
func (f *Fact) part() string {
	if f.Share <= 0 || f.Share >= 0.9 {
		return ""
	}
	return " in " + Percent(f.Share) + " of its runs"
}

// calls names calls by their statement.
func calls(statement string) string {
	if statement == "" || statement == "call" {
		return "calls"
	}
	return quoted(statement, 60) + " calls"
}

func (f *Fact) callsFail() string {
	base := "baseline " + Percent(f.Before)
	if f.New {
		base = "never before"
	}
	if f.Quote != "" {
		return fmt.Sprintf("%s of the calls from %s to %s fail with %s (%s)", Percent(f.After), f.Peer, f.Service, quoted(f.Quote, 120), base)
	}
	return fmt.Sprintf("%s of the calls from %s to %s fail (%s)", Percent(f.After), f.Peer, f.Service, base)
}

func (f *Fact) failing() string {
	base := "baseline " + Percent(f.Before)
	switch {
	case f.Lasts:
		base = "for as long as it is known"
	case f.New:
		base = "never before"
	}
	if f.What == "fails" && f.Quote == "" {
		return fmt.Sprintf("%s of %s requests to %s fail (%s)", Percent(f.After), orAll(f.Peer), f.Service, base)
	}
	how := "log"
	if f.What == "fails" {
		how = "fail with" // it comes from a metric, not from a log line
	}
	return fmt.Sprintf("%s of %s requests to %s %s %s (%s)", Percent(f.After), orAll(f.Peer), f.Service, how, quoted(f.said(), 120), base)
}

// said is the line in the words of the service.
func (f *Fact) said() string {
	if f.Quote != "" {
		return f.Quote
	}
	return f.What
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return count(float64(n)) + " times"
}

func orAll(operation string) string {
	if operation == "" {
		return "the"
	}
	return operation
}

// kernel returns what the kernel reported, how often and since when.
func (f *Fact) kernel() string {
	text := f.kernelHead()
	if f.Kernel.Kind == kernelrule.Throttling && f.Sentence != "" {
		return f.Sentence
	}
	if f.Count > 1 {
		text += fmt.Sprintf(", %s since %s", times(f.Count), Clock(f.Onset))
	}
	return text
}

// kernelHead returns what happened in few words.
func (f *Fact) kernelHead() string {
	k := &f.Kernel
	switch k.Kind {
	case kernelrule.ConnectFailure:
		return f.connect()
	case kernelrule.Retransmit:
		if k.Peer == "" {
			return fmt.Sprintf("packets from %s get lost and are sent again", f.Service)
		}
		return fmt.Sprintf("packets between %s and %s get lost and are sent again", k.Peer, f.Service)
	case kernelrule.Reset:
		return fmt.Sprintf("connections between %s and %s (%s) are reset", k.Peer, f.Service, k.Place)
	case kernelrule.LookupFailure:
		return fmt.Sprintf("%s cannot resolve %s: the name server %s answers %s", f.Service, k.Peer, k.Place, k.Fault)
	case kernelrule.Exit:
		return fmt.Sprintf("%s exits with an error (%s)", f.Service, exitWord(k.Fault))
	case kernelrule.SlowSyscall:
		return fmt.Sprintf("%s waits up to %s in the system call %s", f.Service, Millis(1000*k.Slow), k.Fault)
	case kernelrule.DeniedFile:
		return fmt.Sprintf("%s is denied access to files in %s (%s)", f.Service, k.Peer, k.Fault)
	case kernelrule.Throttling:
		return fmt.Sprintf("%s uses up the CPU quota of cgroup %s, which is throttled", f.Service, k.Place)
	case kernelrule.NewProgram:
		return fmt.Sprintf("%s started %s (%s), which it never started before", f.Service, k.Fault, k.Peer)
	case kernelrule.OutOfMemory:
		who := f.Service
		if k.Who != "" && k.Who != f.Service {
			who = k.Who + " of " + f.Service
		}
		text := who + " ran out of memory and was killed by the kernel"
		if k.Limit > 0 {
			text += " at its limit of " + bytes(k.Limit)
		}
		return text
	case kernelrule.Signal, kernelrule.DiskError, kernelrule.DiskWait: // in the words of the rule
	}
	if k.Peer != "" {
		return fmt.Sprintf("%s %s (%s)", f.Service, k.Does, k.Peer)
	}
	return f.Service + " " + k.Does
}

func (f *Fact) connect() string {
	k := &f.Kernel
	switch k.Fault {
	case "ECONNREFUSED":
		return fmt.Sprintf("%s refuses connections: nothing listens at %s, where %s calls it", f.Service, k.Place, k.Peer)
	case "ETIMEDOUT", "timeout":
		return fmt.Sprintf("%s does not answer at %s: connections from %s time out", f.Service, k.Place, k.Peer)
	case "EHOSTUNREACH", "ENETUNREACH":
		return fmt.Sprintf("%s cannot be reached at %s from %s: no route (%s)", f.Service, k.Place, k.Peer, k.Fault)
	}
	return fmt.Sprintf("connections from %s to %s at %s fail (%s)", k.Peer, f.Service, k.Place, k.Fault)
}

func exitWord(fault string) string {
	if fault != "" && fault[0] >= '0' && fault[0] <= '9' {
		return "exit code " + fault
	}
	return strings.TrimSpace("signal " + fault)
}

// ownCode reports that the time is the service's own.
func (f *Fact) ownCode() string {
	if f.Whole {
		return ""
	}
	return " in its own code"
}
