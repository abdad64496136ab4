// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// SRE is the text for whoever is on call: what it is, which requests it affects, what to do.
func (i *Incident) SRE(actions []model.RecommendedAction) string {
	lines := []string{i.CauseText()}
	if i.Kind == model.GroupIncident {
		lines = append(lines, "Impact: "+i.impactText())
	} else {
		lines = append(lines, "Impact: none; "+kindText(i.Kind))
	}
	if len(i.Next) > 0 && i.Kind == model.GroupIncident {
		lines = append(lines, "May be next: "+Listed(i.Next))
	}
	lines = append(lines, i.SequenceText(), i.NotCause(), i.SimilarText(), i.StateText())
	if len(actions) > 0 && !i.State.Ended() { // the last one acts on the cause
		lines = append(lines, "Next: "+actions[len(actions)-1].Title)
	}
	return joinLines(lines)
}

func (i *Incident) impactText() string {
	if i.Impact == nil || len(i.Impact.Operations) == 0 {
		return fmt.Sprintf("%s; how many requests is not known", affected(i.Services))
	}
	text := i.Impact.Summary
	if i.State.Ended() {
		text = strings.NewReplacer(
			" requests so far", " requests", " fail (", " failed (", " are slow", " were slow", " are not affected", " were not affected",
			" is not affected", " was not affected", "latency unchanged", "latency was unchanged").Replace(text)
	}
	return text
}

func affected(services []string) string {
	if len(services) == 1 {
		return services[0] + " is affected"
	}
	return fmt.Sprintf("%d services are affected (%s)", len(services), Listed(services))
}

func kindText(kind model.GroupKind) string {
	if kind == model.GroupChange {
		return "this is a planned change"
	}
	return "no request failed or was slower than usual"
}

func joinLines(lines []string) string {
	var b strings.Builder
	for _, line := range lines {
		if line == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(line)
	}
	return b.String()
}

// Developer is the text for who writes the code: where it shows.
func (i *Incident) Developer() string {
	c := &i.Cause
	var lines []string
	if c.Place != "" {
		lines = append(lines, fmt.Sprintf("The cause is rather the %s than the code.", c.Place))
	}
	if c.Code != "" {
		lines = append(lines, fmt.Sprintf("Look at %s first.", c.Code))
	}
	lines = append(lines, i.CauseText())
	if c.Trace != "" {
		lines = append(lines, "Example: trace "+c.Trace)
	}
	lines = append(lines, i.NotCause())
	return joinLines(lines)
}

// Manager is one sentence, true to the impact.
func (i *Incident) Manager() string {
	cause := i.clause()
	cause.subject = strings.Replace(cause.subject, ": pod ", " pod ", 1)
	if strings.HasPrefix(cause.subject, "network ") {
		cause.subject = "the " + cause.subject
	}
	if i.State == model.GroupMerged {
		return "This is part of incident " + i.MergedInto + "."
	}
	from := time.Unix(0, int64(i.Start)).UTC().Format("15:04")
	when, end := "Since "+from+" UTC ", ""
	fails, slows, was := "fail", "are slow", cause.now
	if i.State.Ended() {
		to := time.Unix(0, int64(i.Over)).UTC().Format("15:04")
		when, fails, slows, was = "From "+from+" to "+to+" UTC ", "failed", "were slow", cause.past
		if from == to {
			when = "At " + from + " UTC "
		}
		if i.State == model.GroupResolved {
			end = "; it has recovered"
		}
	}
	because := " because " + cause.subject + " " + was + end + "."
	if i.Kind != model.GroupIncident {
		return strings.TrimSpace(cause.subject+" "+was) + "; no user is affected."
	}
	im := i.Impact
	if im == nil || len(im.Operations) == 0 {
		return when + "users may be affected" + because
	}
	op := &im.Operations[0]
	affected := fmt.Sprintf(" (%s requests)", count(im.FailedRequests+im.SlowRequests))
	if op.ErrorRatio-op.BaselineErrorRatio >= op.SlowRatio/2 {
		return when + share(op.ErrorRatio) + " " + op.Operation + " requests " + fails + affected + because
	}
	return when + share(op.SlowRatio) + " " + op.Operation + " requests " + slows + affected + because
}

// share formats a share in words.
func share(ratio float64) string {
	switch {
	case ratio > 0.95:
		return "nearly all"
	case ratio > 0.6:
		return "about " + Percent(ratio) + " of"
	case ratio > 0.42:
		return "about half of the"
	case ratio > 0.37:
		return "about " + Percent(ratio) + " of"
	case ratio > 0.29:
		return "about one in three"
	case ratio > 0.22:
		return "about one in four"
	case ratio > 0.17:
		return "about one in five"
	case ratio > 0.08:
		return "about one in ten"
	}
	return "about " + Percent(ratio) + " of"
}
