// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// incidentTexts picks one insight of each incident, in the order of the list: the
// one for whoever is on call, else the first.
func incidentTexts(list []*tapiov1.Insight) []*tapiov1.Insight {
	var picked []*tapiov1.Insight
	for _, insight := range list {
		i := slices.IndexFunc(picked, func(p *tapiov1.Insight) bool {
			return p.GetGroupId() != "" && p.GetGroupId() == insight.GetGroupId()
		})
		switch {
		case i < 0:
			picked = append(picked, insight)
		case insight.GetAudience() == tapiov1.Insight_AUDIENCE_SRE && picked[i].GetAudience() != tapiov1.Insight_AUDIENCE_SRE:
			picked[i] = insight
		}
	}
	return picked
}

// printInsightTexts prints one text for each incident, up to the limit of
// insights. Times are in UTC, as in the texts.
func (a *app) printInsightTexts(
	f *findingFlags, filter *tapiov1.Filter, fetch func() (page []*tapiov1.Insight, next string, err error),
) error {
	a.zone = time.UTC
	var all []*tapiov1.Insight
	err := eachPage(filter, f.limit, func(wanted int) (int, string, error) {
		page, next, err := fetch()
		page = firstOf(wanted, page)
		all = append(all, page...)
		return len(page), next, err
	})
	for _, insight := range incidentTexts(all) { // what came before an error is still true
		a.printInsightText(insight)
	}
	if err == nil {
		a.noteIfNone(len(all), f.what)
	}
	return err
}

// printInsightText prints one insight for reading, and an empty line after.
func (a *app) printInsightText(i *tapiov1.Insight) {
	severity := a.insightRow(i)[3]
	fmt.Fprintf(a.out, "%s %s %s\n", a.paint(dim, a.stamp(i.GetTime())), a.paint(severity.paint, strings.ToUpper(severity.text)),
		a.paint(bold, oneLine(i.GetTitle())))
	for line := range strings.Lines(strings.TrimSpace(i.GetText())) {
		a.write("  " + oneLine(strings.TrimRight(line, "\r\n")) + "\n")
	}
	for _, action := range i.GetActions() {
		a.write("  - " + oneLine(action.GetTitle()) + "\n")
		for _, command := range action.GetCommands() {
			a.write("    $ " + oneLine(command) + "\n")
		}
	}
	if group := i.GetGroupId(); group != "" {
		a.write(a.paint(dim, "  more: tapioctl explain "+oneLine(group)) + "\n")
	}
	a.write("\n")
}
