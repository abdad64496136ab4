// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"math"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/profile"
	"github.com/tapio/tapio/internal/profilerules"
)

type profileHotspotsInput struct {
	Services   []string          `json:"services,omitempty" jsonschema:"only profiles of these services"`
	Attributes map[string]string `json:"attributes,omitempty" jsonschema:"only samples with these attributes, for example thread.name"`
	SampleType string            `json:"sample_type,omitempty" jsonschema:"what was measured, for example cpu, inuse_space or goroutine; cpu by default"`
	Since      string            `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until      string            `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
	Compare    bool              `json:"compare,omitempty" jsonschema:"compare with the same length of time before and list what grew most first"`
	Limit      int               `json:"limit,omitempty" jsonschema:"most functions to return, 1 to 200; 30 by default"`
}

// hotspot is a function. Changes are in the unit of the answer.
type hotspot struct {
	Function    string  `json:"function"`
	File        string  `json:"file,omitempty"`
	Self        int64   `json:"self"`
	SelfShare   float64 `json:"self_share"`
	Total       int64   `json:"total"`
	TotalShare  float64 `json:"total_share"`
	SelfChange  float64 `json:"self_change,omitempty"`
	TotalChange float64 `json:"total_change,omitempty"`
}

// maxTypes is how many profiles are looked at for what was measured.
const maxTypes = 1000

func (s *server) profileHotspots(ctx context.Context, in *profileHotspotsInput) (*answer, error) {
	times, err := s.timeRange(in.Since, in.Until)
	if err != nil {
		return nil, err
	}
	most, err := limit(in.Limit, 30, 200)
	if err != nil {
		return nil, err
	}
	selected, err := filter(times, in.Services, "", in.Attributes)
	if err != nil {
		return nil, err
	}
	query := model.ProfileQuery{Filter: selected, Types: []string{"cpu"}}
	if in.SampleType != "" {
		query.Types = []string{in.SampleType}
	}
	tree, err := s.Reader.MergeProfiles(ctx, query)
	if err != nil {
		return nil, err
	}
	found := &answer{from: times.Start, to: times.End, hint: "name services, or request fewer functions"}
	if len(tree.Nodes) == 0 || tree.Total() == 0 {
		return found, s.otherTypes(ctx, &query, found)
	}
	var baseline *model.CallTree
	order := profile.BySelf
	if in.Compare {
		earlier := query
		length := times.End - times.Start
		earlier.Filter.Time = model.TimeRange{Start: max(times.Start-min(times.Start, length), 1), End: times.Start}
		if baseline, err = s.Reader.MergeProfiles(ctx, earlier); err != nil {
			return nil, err
		}
		order = profile.ByChange
	}
	functions := profile.Compare(tree, baseline, profile.Scale(tree, baseline))
	profile.Sort(functions, order)
	found.more = len(functions) > most
	found.describe(tree)
	found.add("functions", hotspots(functions[:min(len(functions), most)], tree.Total())...)
	quality := profile.QualityOf(tree)
	advice, err := profilerules.Advise(ctx, s.Reader, tree, query, quality.Unsymbolized, quality.Truncated)
	if err != nil {
		return nil, err
	}
	found.add("bottlenecks", bottlenecks(advice.Bottlenecks)...)
	found.add("warnings", listOf(advice.Warnings)...)
	return found, nil
}

// bottleneck is a known cause of cost that a rule found.
type bottleneck struct {
	Rule      string   `json:"rule"`
	Title     string   `json:"title"`
	Share     float64  `json:"share"`
	Why       string   `json:"why"`
	Advice    string   `json:"advice"`
	Functions []string `json:"functions,omitempty"`
	Callers   []string `json:"callers,omitempty"`
}

// bottleneckNames is how many functions and callers of a bottleneck are named.
const bottleneckNames = 3

func bottlenecks(found []profilerules.Bottleneck) []any {
	list := make([]any, len(found))
	for i := range found {
		b := &found[i]
		list[i] = bottleneck{
			Rule: b.Rule.ID, Title: b.Rule.Title, Share: shareOf(b.Share), Why: b.Rule.Explanation, Advice: b.Rule.Advice,
			Functions: namesOf(b.Functions), Callers: namesOf(b.Callers),
		}
	}
	return list
}

func namesOf(costs []profilerules.Cost) (names []string) {
	for _, c := range costs[:min(len(costs), bottleneckNames)] {
		names = append(names, short(c.Name, attributeBytes))
	}
	return names
}

func (a *answer) describe(tree *model.CallTree) {
	quality, total := profile.QualityOf(tree), float64(tree.Total())
	a.set("sample_type", tree.Type.Name)
	a.set("unit", tree.Type.Unit)
	a.set("total", tree.Total())
	a.set("profiles", tree.Profiles)
	a.set("unsymbolized_share", shareOf(float64(quality.Unsymbolized)/total))
	a.set("truncated_share", shareOf(float64(quality.Truncated)/total))
}

func hotspots(functions []profile.Change, total int64) []any {
	list := make([]any, len(functions))
	for i := range functions {
		f := &functions[i]
		list[i] = hotspot{
			Function: short(f.Name, attributeBytes), File: short(f.File, attributeBytes), Self: f.Self, SelfShare: shareOf(float64(f.Self) / float64(total)),
			Total: f.Total, TotalShare: shareOf(float64(f.Total) / float64(total)), SelfChange: f.SelfDelta, TotalChange: f.TotalDelta,
		}
	}
	return list
}

func shareOf(ratio float64) float64 { return math.Round(ratio*1e4) / 1e4 }

// otherTypes names what there are samples of instead.
func (s *server) otherTypes(ctx context.Context, query *model.ProfileQuery, found *answer) error {
	all := *query
	all.Types, all.Paging = nil, model.Paging{Limit: maxTypes}
	page, err := s.Reader.ListProfiles(ctx, all)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	var types []string
	for i := range page.Rows {
		if name := page.Rows[i].Type.Name; !seen[name] {
			seen[name] = true
			types = append(types, name)
		}
	}
	found.hint = "there are no samples of " + query.Types[0] + ": request one of the sample types that are listed, or for another time or service"
	found.add("functions")
	found.add("sample_types", listOf(types)...)
	return nil
}
