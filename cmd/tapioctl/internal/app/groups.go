// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"

	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// FetchGroups fetches incidents, the newest first, up to the limit; 0 fetches all.
func FetchGroups(ctx context.Context, a *App, c Clients, request *tapiov1.GetSemanticGroupsRequest, limit uint32) ([]*tapiov1.SemanticGroup, error) {
	if request.Filter == nil {
		request.Filter = &tapiov1.Filter{}
	}
	request.Filter.Limit = min(max(limit, 1), render.FindingsPerPage)
	var all []*tapiov1.SemanticGroup
	err := EachPage(request.GetFilter(), limit, func(wanted int) (int, string, error) {
		response, err := Call(ctx, a, c.Tapio.GetSemanticGroups, request)
		if err != nil {
			return 0, "", err
		}
		page := render.FirstOf(wanted, response.GetGroups())
		all = append(all, page...)
		return len(page), response.GetNextPageToken(), nil
	})
	return all, err
}
