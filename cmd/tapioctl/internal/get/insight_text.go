// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"slices"
	"time"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// incidentTexts picks one insight of each incident, in the order of the list: the
// one for the person on call, else the first.
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
func printInsightTexts(
	a *app.App, f *findingFlags, filter *tapiov1.Filter, fetch func() (page []*tapiov1.Insight, next string, err error),
) error {
	a.Out.Zone = time.UTC
	var all []*tapiov1.Insight
	err := app.EachPage(filter, f.Limit, func(wanted int) (int, string, error) {
		page, next, err := fetch()
		page = render.FirstOf(wanted, page)
		all = append(all, page...)
		return len(page), next, err
	})
	for _, insight := range incidentTexts(all) { // what came before an error is still true
		render.PrintInsightText(a.Out, insight)
	}
	if err == nil {
		a.Out.NoteIfNone(len(all), f.what)
	}
	return err
}
