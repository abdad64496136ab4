// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/correlate/bucket"
	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/correlate/report"
	"github.com/tapio/tapio/internal/model"
)

// say is the sentence that describes an anomaly, with figures.
func (fs *facts) say(s *sign) string {
	f := fs.factOf(s)
	return f.Text()
}

// facts makes typed facts of anomalies, for package report.
type facts struct {
	time     *bucket.Time
	graph    *graph
	topology *topology
}

// factOf converts an anomaly into a typed fact for package report.
func (fs *facts) factOf(s *sign) report.Fact {
	f := report.Fact{
		Service: s.key.service, What: s.key.what, Peer: s.key.peer, Quote: s.quote, Before: s.before, After: s.after, Unit: s.unit,
		Count: s.count, Onset: s.onset, Sentence: s.text, Pod: s.pod, Node: s.node, Evidence: s.evidence,
	}
	if s.subject.Kind == model.EntityCode {
		f.Code = s.subject.Name
	}
	switch {
	case s.verbatim:
		return f
	case s.reported:
		f.Kind, f.Sentence, f.What = report.FactReported, s.onWhichNode(), s.text
		return f
	case s.lookups:
		f.Kind, f.What, f.Peers = report.FactNames, s.callee, s.peers
		return f
	case s.surge[1] > 0:
		f.Kind, f.Before, f.After = report.FactOverload, s.surge[0], s.surge[1]
		return f
	}
	switch s.key.class {
	case classKernel:
		fs.kernelFact(&f, s)
	case classResource:
		fs.resourceFact(&f, s)
	case classPath:
		pathFact(&f, s)
	case classError:
		errorFact(&f, s)
	case classEdge:
		f.Kind = report.FactDependency
		if fs.graph.paired(s.key.peer, s.key.service) {
			f.Kind = report.FactNetwork
		}
	case classSelf:
		fs.slowFact(&f, s)
	case classSilent:
		f.Kind = report.FactSilent
		if s.key.what == trafficWhat {
			f.Kind = report.FactTraffic
		}
	default:
		fs.supportFact(&f, s)
	}
	return f
}

func (fs *facts) kernelFact(f *report.Fact, s *sign) {
	f.Kind = report.FactKernel
	k := s.kernel
	if k == nil {
		f.Kind = report.FactOther
		return
	}
	f.Kernel = report.Kernel{
		Kind: k.rule.Kind, Does: k.rule.Text, Advice: k.rule.Advice, Count: k.rule.Counter, Fault: k.fault, Peer: k.peer, Place: shownEndpoint(k.place), Slow: k.slow, Limit: k.limit,
	}
	if k.rule.Kind == kernelrule.SlowSyscall && slices.Contains(diskCalls(), k.fault) {
		f.Kernel.Kind = kernelrule.DiskWait
		f.Kernel.Does = "waits for its disk: " + k.fault + " takes up to " + report.Millis(1000*k.slow)
		f.Kernel.Peer = ""
	}
	if k.rule.Kind == kernelrule.Throttling {
		f.Kernel.Place = k.place
	}
	if s.subject.Kind == model.EntityProcess {
		f.Kernel.Who = s.subject.Name
	}
}

func (fs *facts) resourceFact(f *report.Fact, s *sign) {
	f.Kind = report.FactResource
	if s.pool {
		f.Kind, f.Peer = report.FactPool, s.from
	}
	if s.key.peer == "trend" {
		f.Kind, f.Peer, f.Until = report.FactForecast, cmp.Or(s.on, resourceName(s.key.what)), s.usedUp
	}
}

// resourceName is the name of an exhausted resource, as the subject of a sentence.
func resourceName(metric string) string {
	for _, word := range [...]string{"filesystem", "volume", "memory", "disk"} {
		if strings.Contains(metric, word) {
			return capital(word)
		}
	}
	return metric
}

func capital(s string) string { return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):] }

func pathFact(f *report.Fact, s *sign) {
	switch {
	case s.key.what == "standstill":
		f.Kind, f.Peers = report.FactStopped, s.peers
	case s.key.what == "any step":
		f.Kind, f.What, f.After = report.FactEndsEarly, "", 1-s.after
	case strings.HasPrefix(s.key.what, "end after "):
		f.Kind, f.What = report.FactEndsEarly, cmp.Or(s.did, s.key.what)
	case s.did != "":
		f.Kind, f.What = report.FactSkipped, s.did
	default:
		f.Kind = report.FactOther
	}
}

func (fs *facts) slowFact(f *report.Fact, s *sign) {
	f.Kind, f.Share, f.Hours, f.Whole = report.FactSlow, s.share, s.hours, s.whole
	if s.dependency {
		f.Kind = report.FactDependency
	}
	if s.lag {
		f.Kind = report.FactLag
	}
	if s.hours > 0 {
		f.Kind = report.FactCreep
	}
}

func errorFact(f *report.Fact, s *sign) {
	switch {
	case s.from != "":
		f.Kind, f.Peer, f.New = report.FactCallsFail, s.from, s.before == 0
		if s.key.service == s.from { // other callers reach the callee
			f.Service, f.Peer = s.key.peer, s.from
		}
		if s.callee != "" {
			f.Kind, f.What = report.FactNames, s.callee
		}
		return
	case s.key.what == "restarts":
		f.Kind = report.FactRestarts
	case s.unit == "per slot":
		f.Kind, f.New = report.FactErrorLog, s.before == 0
	default:
		f.Kind, f.New = report.FactFailing, s.before == 0 && s.key.what != "fails"
		f.Lasts = s.lasts
	}
	if f.Quote == "" && s.key.what != "fails" {
		f.Quote = logtemplate.Message(s.key.what)
	}
}

// supportFact fills the fact for classes that only support an incident: releases, restarts, metrics,
// log lines.
func (fs *facts) supportFact(f *report.Fact, s *sign) {
	switch {
	case s.key.what == releaseWhat:
		f.Kind, f.What = report.FactRelease, ""
		release := &fs.topology.serviceNamed(s.key.service).release
		if len(release.versions) > 0 {
			if version, before := release.newest(); version == s.key.peer {
				f.What = before
			}
		}
	case s.key.what == "restart":
		f.Kind = report.FactRestart
	case s.unit == "per slot":
		f.Kind, f.New, f.Quote = report.FactLogVolume, s.before < math.SmallestNonzeroFloat32, logtemplate.Message(s.key.what)
		minute := 60e9 / float64(fs.time.Width())
		f.Before, f.After = f.Before*minute, f.After*minute
	case s.key.what == "standstill" || s.key.what == "missing metrics":
		f.Kind = report.FactOther
	default:
		f.Kind = report.FactMetric
	}
}
