// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// MaxEvidence is how many facts support a cause in the text.
const MaxEvidence = 5

// CauseText returns the most likely cause, how sure that is, and the facts that show it.
func (i *Incident) CauseText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Cause (%s): %s", Percent(i.Confidence), i.entity())
	if i.Further {
		b.Reset()
		fmt.Fprintf(&b, "If none of the other causes is right, look at %s", i.entity())
	}
	for n, line := range i.EvidenceLines() {
		fmt.Fprintf(&b, "\n  %d. %s", n+1, line)
	}
	return b.String()
}

// hog is what uses most CPUs of the node.
func (c *Cause) hog() string {
	if c.Hog == "" {
		return ""
	}
	return fmt.Sprintf("; %s uses %s CPUs", c.Hog, Rounded(c.HogUses))
}

// entity names the cause as exactly as is known.
func (i *Incident) entity() string {
	c := &i.Cause
	switch {
	case c.Place != "":
		if len(c.Unresolved) > 0 {
			return fmt.Sprintf("%s %s, which alone does not resolve names; %s affected", c.Place, c.Name, Listed(c.Unresolved))
		}
		if c.Starved != "" {
			return fmt.Sprintf("%s %s: %s%s; %s affected", c.Place, c.Name, c.Starved, c.hog(), Listed(c.Hit))
		}
		return fmt.Sprintf("%s %s (%d of its %d services are affected, none of %d elsewhere)", c.Place, c.Name, len(c.Hit), c.Inside, c.Outside)
	case i.released() && c.Before != "":
		return fmt.Sprintf("release %s %s → %s, rolled out %s", c.Name, c.Before, c.Version, Clock(c.Released))
	case i.released():
		return fmt.Sprintf("release %s %s, rolled out %s", c.Name, c.Version, Clock(c.Released))
	}
	text := c.Name
	var at []string
	if c.Pod != "" {
		at = append(at, "pod "+c.Pod)
	}
	if c.Node != "" {
		at = append(at, "node "+c.Node)
	}
	if len(at) > 0 {
		text += " (" + strings.Join(at, ", ") + ")"
	}
	if c.Code != "" {
		text += ", code at " + c.Code
	}
	if c.Uninstrumented {
		text += ", which sends no telemetry itself"
	}
	return text
}

// EvidenceLines are at most five facts, each once.
func (i *Incident) EvidenceLines() []string {
	var lines []string
	seen := map[string]bool{}
	for n := range i.Facts {
		line := i.Facts[n].Text()
		if line == "" || seen[line] || len(lines) >= MaxEvidence {
			continue
		}
		seen[line] = true
		if link := link(i.Facts[n].Evidence); link != "" {
			line += " · " + link
		}
		lines = append(lines, line)
	}
	return lines
}

// link names a record that shows the fact.
func link(list []model.EvidenceRef) string {
	for _, ref := range list {
		switch ref.Kind {
		case model.EvidenceSpan:
			trace, _, _ := strings.Cut(ref.ID, ":")
			return "trace " + trace
		case model.EvidenceEvent:
			return "record " + ref.ID
		case model.EvidenceMetric:
			return "metric " + Clip(ref.ID, 100)
		case model.EvidenceProfile:
			return "profile " + Clip(ref.ID, 100)
		case model.EvidenceCorrelation, model.EvidenceUnspecified: // nothing that can be opened
		}
	}
	return ""
}

// StateText returns the state of the incident, and since when.
func (i *Incident) StateText() string {
	var text string
	switch i.State {
	case model.GroupResolved:
		text = fmt.Sprintf("State: resolved after %s; the last affected request ended %s", Span(between(i.Start, i.Over)), Clock(i.Over))
		if i.Impact == nil || len(i.Impact.Operations) == 0 {
			text = fmt.Sprintf("State: resolved after %s; nothing of it was seen since %s", Span(between(i.Start, i.Over)), Clock(i.Over))
		}
		if i.EndedBy != "" {
			text += "; it ended with the rollout of " + i.EndedBy
		}
	case model.GroupClosed:
		text = i.closedState()
	case model.GroupMerged:
		text = "State: merged; it is part of incident " + i.MergedInto
	case model.GroupUnknown:
		text = "State: unknown; no requests come that would show whether it goes on"
	case model.GroupRecovering:
		text = fmt.Sprintf("State: recovering after %s", Span(between(i.Start, i.Now)))
	default:
		word := "open"
		if i.Reopened {
			word = "reopened"
		}
		text = fmt.Sprintf("State: %s for %s", word, Span(between(i.Start, i.Now)))
	}
	if im := i.Impact; im != nil && im.PeakAffectedRatio > 0 && i.State == model.GroupResolved {
		text += fmt.Sprintf("; peak %s affected at %s", Percent(im.PeakAffectedRatio), Clock(im.PeakTime))
	}
	if i.SplitFrom != "" {
		text += fmt.Sprintf("; it was part of incident %s until it showed a fault of its own", i.SplitFrom)
	}
	if i.SplitInto != "" {
		text += "; " + i.SplitInto
	}
	return text
}

// SimilarText returns when similar incidents were seen before.
func (i *Incident) SimilarText() string {
	if i.SimilarN == 0 || len(i.Similar) == 0 {
		return ""
	}
	last := i.Similar[0]
	day := time.Unix(0, int64(last.Range.Start)).UTC().Format("2 Jan 15:04") + " UTC"
	text := fmt.Sprintf("Seen %s before, last on %s for %s", times(int(i.SimilarN)), day, Span(between(last.Range.Start, last.Range.End)))
	if last.EndedBy != "" {
		text += ", ended by the rollout of " + last.EndedBy
	}
	return text
}

// Figures are the key figures, those that are known.
func (i *Incident) Figures() []model.KeyFigure {
	end := i.Now
	if i.Over != 0 {
		end = i.Over
	}
	list := []model.KeyFigure{
		{Name: "since", Value: Clock(i.Start)},
		{Name: "duration", Value: Span(between(i.Start, end))},
		{Name: "affected services", Value: fmt.Sprint(len(i.Services))},
	}
	put := func(name, value string) { list = append(list, model.KeyFigure{Name: name, Value: value}) }
	if im := i.Impact; im != nil && im.Requests > 0 {
		put("affected requests", count(im.FailedRequests+im.SlowRequests)+" ("+Percent(im.AffectedRequestRatio)+")")
		put("error ratio", Percent(im.ErrorRatio)+" (baseline "+Percent(im.BaselineErrorRatio)+")")
		if im.SlowRatio > 0.005 {
			put("slow ratio", Percent(im.SlowRatio))
		}
		if im.PeakAffectedRatio > 0 {
			put("peak", Percent(im.PeakAffectedRatio)+" affected at "+Clock(im.PeakTime))
		}
	}
	switch f := i.main(); f.Unit {
	case "", "per slot":
		if f.Kind == FactErrorLog {
			put("errors", fmt.Sprint(f.Count))
		}
	default:
		put("baseline", Quantity(f.Before, f.Unit))
		put("now", Quantity(f.After, f.Unit))
	}
	if i.State == model.GroupResolved {
		put("time to recover", Span(between(i.Start, i.Over)))
	}
	return list
}
