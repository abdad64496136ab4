// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

// SequenceText returns in which order it set in: the cause first, then what follows.
func (i *Incident) SequenceText() string {
	if len(i.Sequence) < 2 {
		return ""
	}
	const most = 5
	var parts []string
	for n := range i.Sequence[:min(most, len(i.Sequence))] {
		s := &i.Sequence[n]
		parts = append(parts, strings.TrimSuffix(Clock(s.Onset), " UTC")+" "+s.Service+" "+s.Fact.brief())
	}
	if more := len(i.Sequence) - most; more > 0 {
		parts = append(parts, plural(more, "more service"))
	}
	return "Sequence: " + strings.Join(parts, " → ")
}

// brief returns in a word or two what a service shows.
func (f *Fact) brief() string {
	switch f.Kind {
	case FactFailing, FactErrorLog, FactCallsFail, FactNames:
		return "fails"
	case FactNetwork, FactDependency, FactSlow, FactCreep:
		return "is slow"
	case FactSkipped, FactEndsEarly:
		return "skips steps"
	case FactStopped:
		return "stops calling others"
	case FactPool:
		return "waits for a connection of its own pool"
	case FactResource:
		return "is short of " + ResourceWord(f.What)
	case FactForecast:
		return "is filling up"
	case FactSilent:
		return "stops reporting"
	case FactRestarts, FactRestart:
		return "restarts"
	case FactRelease:
		return "is rolled out"
	case FactKernel:
		return f.Kernel.brief()
	case FactMetric:
		if strings.Contains(f.What, "duration") || strings.Contains(f.What, "latency") {
			return "is slow"
		}
		return f.moved(f.What)
	case FactTraffic:
		return f.moved("request rate")
	case FactLag:
		return "lags behind " + f.Peer
	case FactOverload:
		return "is overloaded"
	case FactLogVolume:
		return "logs other lines"
	case FactReported:
		return "has a fault"
	case FactProfile:
		return "spends its time elsewhere"
	case FactOther: // nothing more is known
	}
	return "deviates from its baseline"
}

// moved names the direction in which a quantity went.
func (f *Fact) moved(quantity string) string {
	if f.After < f.Before {
		return "has a lower " + quantity
	}
	return "has a higher " + quantity
}

func (k *Kernel) brief() string {
	switch k.Kind {
	case kernelrule.OutOfMemory:
		return "is killed"
	case kernelrule.Signal, kernelrule.Exit:
		return "exits"
	case kernelrule.ConnectFailure:
		if k.Fault == "ECONNREFUSED" {
			return "refuses connections"
		}
		return "does not accept connections"
	case kernelrule.Reset:
		return "resets connections"
	case kernelrule.Retransmit:
		return "loses packets"
	case kernelrule.LookupFailure:
		return "cannot resolve names"
	case kernelrule.Throttling:
		return "is throttled"
	default:
		return "waits"
	}
}

// NotCause returns who is affected but not the cause, or who else may be.
func (i *Incident) NotCause() string {
	var effects, doubts []string
	for n := range i.Others {
		o := &i.Others[n]
		switch {
		case o.Explained && len(effects) < 3:
			effects = append(effects, fmt.Sprintf("%s (it calls %s and follows %s later)", o.Service, i.Cause.Name, delay(o.Delay)))
		case !o.Explained && o.Probability >= 0.05 && len(doubts) < 2:
			doubts = append(doubts, fmt.Sprintf("%s (%s): %s", o.Service, Percent(o.Probability), o.Fact.Text()))
		}
	}
	text := ""
	if len(effects) > 0 {
		text = "Not the cause: " + strings.Join(effects, "; ")
	}
	if len(doubts) > 0 {
		if text != "" {
			text += "\n"
		}
		text += "Also possible: " + strings.Join(doubts, "; ")
	}
	return text
}

func delay(d model.Nanos) string {
	if d < 1e9 {
		return "less than a second"
	}
	return Span(d)
}
