// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"context"

	"github.com/tapio/tapio/internal/model"
)

// ProfileReader reads profiles.
type ProfileReader interface {
	// ListProfiles returns one page of the profiles that have a selected sample, the
	// newest first by the time of their beginning unless the paging is ascending.
	ListProfiles(ctx context.Context, q model.ProfileQuery) (model.Page[model.ProfileInfo], error)
	// MergeProfiles returns the sum of all selected samples. The query MUST name one
	// sample type. Of types that are states at a moment (model.ProfileType.IsInstant)
	// only the newest selected profile of each resource and set of attributes counts.
	// Profiles of one type with different units are a *model.FieldError. A query that
	// selects nothing returns a tree without nodes.
	MergeProfiles(ctx context.Context, q model.ProfileQuery) (*model.CallTree, error)
	// GroupProfiles returns the sums of the samples that MergeProfiles adds up, by label
	// or by trace, the highest first. The query MUST name one sample type.
	GroupProfiles(ctx context.Context, q model.ProfileGroupQuery) (model.ProfileGroups, error)
}
