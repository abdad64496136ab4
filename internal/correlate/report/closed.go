// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// closedTitle begins the title of an incident that ended without evidence of recovery.
const closedTitle = "Closed, recovery unknown: "

const (
	statePrefix = "State: "
	nextPrefix  = "Next: "
	closedState = "State: closed without evidence of recovery"
	notWatched  = "; the correlation engine that observed it stopped"
)

func (i *Incident) closedState() string {
	switch {
	case i.Kind != model.GroupIncident:
		return fmt.Sprintf("State: closed; nothing of it was seen since %s", Clock(i.Over))
	case i.Unobserved:
		return fmt.Sprintf("%s; last seen %s%s", closedState, Clock(i.Over), notWatched)
	}
	return fmt.Sprintf("%s; last seen %s, and no requests since", closedState, Clock(i.Over))
}

// CloseGroup turns the last report of a group whose engine stopped into the report of its
// end.
func CloseGroup(g *model.SemanticGroup, now model.Nanos) {
	g.Revision++
	g.Time, g.State = now, model.GroupClosed
	if g.Kind == model.GroupIncident {
		g.Title = closeTitle(g.Title)
	}
	g.Predictions = nil
}

// CloseInsight is CloseGroup for what is reported to people of a group.
func CloseInsight(i *model.Insight, now model.Nanos) {
	i.Revision++
	i.Time, i.State = now, model.GroupClosed
	if i.Kind == model.GroupIncident {
		i.Title = closeTitle(i.Title)
	}
	lines := strings.Split(i.Text, "\n")
	kept := lines[:0]
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, statePrefix):
			line = closedState + notWatched
		case strings.HasPrefix(line, nextPrefix):
			continue
		}
		kept = append(kept, line)
	}
	i.Text = strings.Join(kept, "\n")
}

func closeTitle(title string) string {
	if strings.HasPrefix(title, closedTitle) {
		return title
	}
	return Clip(closedTitle+title, MaxTitle-len("…"))
}
