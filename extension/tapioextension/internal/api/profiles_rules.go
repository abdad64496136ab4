// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/profile"
	"github.com/tapio/tapio/internal/profilerules"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// advise adds the bottlenecks of the selected samples, and what makes them less reliable.
func (p *profileAnalyzer) advise(ctx context.Context, response *tapiov1.AnalyzeProfileResponse, tree *model.CallTree, query model.ProfileQuery) error {
	quality := profile.QualityOf(tree)
	advice, err := profilerules.Advise(ctx, p.store, tree, query, quality.Unsymbolized, quality.Truncated)
	if err != nil {
		return err
	}
	response.Bottlenecks, response.Warnings = converted(advice.Bottlenecks, bottleneck), advice.Warnings
	return nil
}

func bottleneck(b *profilerules.Bottleneck) *tapiov1.ProfileBottleneck {
	rule := &b.Rule
	return &tapiov1.ProfileBottleneck{
		Rule: rule.ID, Title: rule.Title, Value: float64(b.Value), Share: b.Share, Threshold: rule.Threshold,
		Explanation: rule.Explanation, Advice: rule.Advice, Source: rule.Source,
		Functions: converted(b.Functions, bottleneckFrame), Callers: converted(b.Callers, bottleneckFrame),
	}
}

func bottleneckFrame(c *profilerules.Cost) *tapiov1.ProfileBottleneck_Frame {
	return &tapiov1.ProfileBottleneck_Frame{Function: c.Name, File: c.File, Value: float64(c.Value), Share: c.Share}
}
