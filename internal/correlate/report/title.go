// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// MaxTitle is the most bytes of a title.
const MaxTitle = 120

// clause is what is wrong, in parts: "payments-db" "has been slow" "calls take 1.3 s".
type clause struct {
	subject string
	now     string // verb of what goes on, read before "since"
	past    string // verb of what is over
	detail  string
	moment  bool // it happened at a time, and does not go on
}

// Title returns, in one line, what is wrong where, since when, why, and who is affected.
func (i *Incident) Title() string {
	c := i.clause()
	switch {
	case i.Further:
		return fit("Also consider "+c.subject, verb(c.now)+c.short(), "")
	case i.State == model.GroupMerged:
		return fit(c.subject, " "+c.past, " (part of incident "+i.MergedInto+")")
	case i.State == model.GroupResolved:
		head := "Resolved after " + Span(between(i.Start, i.Over))
		return i.resolved(head, i.afterRollout(c), c)
	case i.State == model.GroupClosed && i.Kind == model.GroupIncident:
		return fit(closedTitle+c.subject+" "+c.past+i.when(c), c.short(), semicolon(i.hurtPast(true)))
	case i.State == model.GroupClosed:
		return fit(fmt.Sprintf("Ended %s: %s %s", Clock(i.Over), c.subject, c.past), c.short(), semicolon(i.hurtPast(true)))
	}
	return fit(c.subject+" "+c.now+i.when(c), c.short(), semicolon(i.hurt()))
}

// when returns the words for its start.
func (i *Incident) when(c clause) string {
	switch {
	case c.moment:
		return " at " + Clock(cmp.Or(i.main().Onset, i.Start)) // something weaker may have set in before
	case i.main().Kind == FactForecast:
		return ""
	case i.released() && (i.quote() != "" || i.main().Kind == FactSlow || i.main().Kind == FactFailing):
		return " since its rollout at " + Clock(i.Cause.Released)
	}
	return " since " + Clock(i.Start)
}

// afterRollout is the part of a title for an incident that began with a release.
func (i *Incident) afterRollout(c clause) string {
	if i.released() && c.subject == i.whoReleased() {
		return " after its rollout"
	}
	return ""
}

func (c clause) short() string {
	if c.detail == "" {
		return ""
	}
	return ": " + c.detail
}

func verb(s string) string { return ", which " + s }

func comma(s string) string {
	if s == "" {
		return ""
	}
	return ", " + s
}

func semicolon(s string) string {
	if s == "" {
		return ""
	}
	return "; " + s
}

// fit leaves out or cuts the detail where the whole is too long; what it hurts comes
// before why.
func fit(head, detail, hurt string) string {
	if room := MaxTitle - len(head) - len(hurt); len(detail) > room {
		detail = cutDetail(detail, room)
	}
	if title := head + detail + hurt; len(title) <= MaxTitle {
		return title
	}
	return Clip(head+detail+hurt, MaxTitle-len("…"))
}

// cutDetail shortens a detail to fit, a quotation within its marks.
func cutDetail(detail string, room int) string {
	const least = 24
	if room < least {
		return ""
	}
	if open := strings.IndexByte(detail, '"'); open >= 0 && strings.HasSuffix(detail, "\"") {
		if room-open < least/2 {
			return ""
		}
		return Clip(strings.TrimSuffix(detail, "\""), room-len("…")-1) + "\""
	}
	cut, _, _ := strings.Cut(detail, " (")
	if len(cut) <= room {
		return cut
	}
	return ""
}

// clause chooses the words by the fact that names the mechanism.
func (i *Incident) clause() clause {
	if i.Cause.Place != "" {
		return i.placeClause()
	}
	f, who := i.main(), i.who()
	if c, found := i.classClause(); found {
		return c
	}
	switch f.Kind {
	case FactFailing, FactErrorLog:
		return i.failClause()
	case FactNetwork:
		return clause{
			"network between " + f.Peer + " and " + f.Service, "has been slow", "was slow",
			fmt.Sprintf("%s per call (baseline %s)", Millis(f.After), Millis(f.Before)), false,
		}
	case FactDependency:
		return clause{
			who, "has been slow", "was slow",
			fmt.Sprintf("calls from %s take %s (baseline %s)", f.Peer, Millis(f.After), Millis(f.Before)), false,
		}
	case FactCallsFail:
		detail := fmt.Sprintf("%s of calls from %s fail", Percent(f.After), f.Peer)
		if f.Quote != "" {
			detail = "calls from " + f.Peer + " fail with " + quoted(f.Quote, 100)
		}
		return clause{who, "has been failing", "failed", detail, false}
	case FactNames:
		if len(f.Peers) > 0 {
			return i.lookupClause()
		}
		return clause{who, "has not resolved names", "did not resolve names", "calls from " + f.Peer + " to " + f.What + " fail with " + quoted(f.Quote, 80), false}
	case FactCreep:
		return clause{
			who, "has been getting slower for " + fmt.Sprint(f.Hours) + " h", "was getting slower",
			fmt.Sprintf("%s takes %s (baseline %s)", f.What, Millis(f.After), Millis(f.Before)), false,
		}
	case FactSlow:
		return clause{
			i.whoReleased(), "has been slow", "was slow",
			fmt.Sprintf("%s takes %s (baseline %s)", f.What, Millis(f.After), Millis(f.Before)), false,
		}
	case FactSkipped:
		return clause{
			who, f.What + " less often", "did less than usual",
			fmt.Sprintf("in %s of requests (baseline %s)", Percent(f.After), Percent(f.Before)), false,
		}
	case FactEndsEarly:
		return clause{
			who, "ends requests early", "ended requests early",
			Percent(f.After) + " of " + orAll(f.Peer), false,
		}
	case FactKernel:
		return i.kernelClause()
	default:
		return i.metricClause()
	}
}

func (i *Incident) metricClause() clause {
	f, who := i.main(), i.who()
	switch f.Kind {
	case FactResource:
		return clause{
			who, "has been short of " + ResourceWord(f.What), "was short of " + ResourceWord(f.What),
			fmt.Sprintf("%s used (baseline %s)", Quantity(f.After, f.Unit), Quantity(f.Before, f.Unit)), false,
		}
	case FactPool:
		return clause{
			who, "has had no free connection in its pool", "had no free connection in its pool",
			fmt.Sprintf("%.0f requests wait (baseline %.0f)", f.After, f.Before), false,
		}
	case FactForecast:
		left := model.Nanos(0)
		if f.Until > i.Now {
			left = f.Until - i.Now
		}
		return clause{
			f.Peer + " of " + who, "will be used up in about " + Span(left), "was filling up",
			fmt.Sprintf("at %s now", Quantity(f.After, f.Unit)), false,
		}
	case FactSilent:
		return clause{who, "has sent no telemetry", "sent no telemetry", "", false}
	case FactRestarts:
		return clause{who, "has restarted again and again", "restarted again and again", times(f.Count), false}
	case FactStopped:
		return clause{who, "continues, but " + Listed(f.Peers) + " have stopped", "continued while " + Listed(f.Peers) + " stopped", "", false}
	case FactRelease:
		return clause{who, "runs version " + f.Peer, "was rolled out", "", false}
	case FactRestart:
		return clause{who, "restarted", "restarted", "", true}
	case FactMetric:
		return clause{
			who, "has unusual " + f.What, "had unusual " + f.What,
			fmt.Sprintf("%s (baseline %s)", Quantity(f.After, f.Unit), Quantity(f.Before, f.Unit)), false,
		}
	case FactLogVolume:
		return clause{who, "has logged unusual lines", "logged unusual lines", quoted(f.said(), 80), false}
	default:
		return i.loadClause()
	}
}

func (i *Incident) failClause() clause {
	f, who := i.main(), i.whoReleased()
	detail := ""
	switch quote := i.quote(); {
	case quote != "":
		detail = quoted(quote, 100)
	case f.What != "fails":
		detail = quoted(f.said(), 100)
	case f.Peer != "":
		detail = fmt.Sprintf("%s of %s (baseline %s)", Percent(f.After), f.Peer, Percent(f.Before))
	}
	return clause{who, "has been failing", "failed", detail, false}
}

// whoReleased is the cause, with its version if that was just rolled out.
func (i *Incident) whoReleased() string {
	if i.released() {
		return i.who() + " " + i.Cause.Version
	}
	return i.who()
}

// who is the cause, with its pod where that is the cause.
func (i *Incident) who() string {
	c := &i.Cause
	switch {
	case c.OnlyPod && c.Pod != "":
		return c.Name + ": pod " + c.Pod
	case c.Slice == "service.version "+c.Version: // the release is named anyway
	case c.Slice != "":
		return c.Name + " (" + strings.TrimPrefix(c.Slice, "service.") + ")"
	}
	return c.Name
}

func (i *Incident) placeClause() clause {
	c := &i.Cause
	if c.Starved != "" {
		detail := c.Starved
		if c.Hog != "" {
			detail = fmt.Sprintf("%s uses %s CPUs", c.Hog, Rounded(c.HogUses))
		}
		return clause{c.Place + " " + c.Name, "has been short of CPU", "was short of CPU", detail, false}
	}
	if len(c.Unresolved) > 0 {
		return clause{c.Place + " " + c.Name, "has not resolved names (DNS)", "did not resolve names (DNS)", "lookups by " + Listed(c.Unresolved) + " fail", false}
	}
	if now, past := i.commonClass(); now != "" {
		return clause{c.Place + " " + c.Name, now, past, fmt.Sprintf("%d of %d services there affected", len(c.Hit), c.Inside), false}
	}
	return clause{
		c.Place + " " + c.Name, "has had slow or failing services", "had slow or failing services",
		fmt.Sprintf("%d of %d there, none elsewhere", len(c.Hit), c.Inside), false,
	}
}

// hurt returns how users are affected, in few words: the worst operation.
func (i *Incident) hurt() string {
	if i.Kind != model.GroupIncident || i.Impact == nil || len(i.Impact.Operations) == 0 {
		return ""
	}
	op := &i.Impact.Operations[0]
	switch failed := op.ErrorRatio - op.BaselineErrorRatio; {
	case failed >= op.SlowRatio/2 && failed > 0:
		return fmt.Sprintf("%s of %s fail", Percent(op.ErrorRatio), op.Operation)
	case op.SlowRatio > 0:
		return fmt.Sprintf("%s of %s slow", Percent(op.SlowRatio), op.Operation)
	}
	return ""
}
