// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/observe"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// watchGroups prints the incidents that the request selects and then their
// changes, as long as they are selected.
func watchGroups(ctx context.Context, a *app.App, c app.Clients, f *findingFlags, request *tapiov1.GetSemanticGroupsRequest) error {
	groups, err := app.FetchGroups(ctx, a, c, request, f.Limit)
	if err != nil {
		return err
	}
	if !f.OldestFirst {
		slices.Reverse(groups)
	}
	selected := proto.CloneOf(request)
	selected.Filter.PageToken, selected.Filter.Ascending = "", false
	printer := render.NewIncidentPrinter(a.Out, f.format.Value, func(ids []string) ([]*tapiov1.SemanticGroup, error) {
		selected.GroupIds = ids
		if len(request.GetGroupIds()) > 0 {
			selected.GroupIds = slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(request.GetGroupIds(), id) })
		}
		if len(selected.GetGroupIds()) == 0 {
			return nil, nil
		}
		return app.FetchGroups(ctx, a, c, selected, uint32(len(ids)))
	})
	for _, group := range groups {
		printer.PrintGroup(group)
	}
	return observe.FollowGroups(ctx, a, c, printer)
}
