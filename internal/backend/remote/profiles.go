// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/profile"
	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxProfileBytes bounds a merged profile of an answer, unpacked.
const maxProfileBytes = 64 << 20

// ListProfiles implements query.ProfileReader. All attributes are those of the resource.
func (r *Reader) ListProfiles(ctx context.Context, q model.ProfileQuery) (page model.Page[model.ProfileInfo], err error) {
	request := protoconv.ProfilesRequest(&q)
	response, err := call(ctx, r, request, r.records.GetProfiles)
	if err != nil {
		return page, err
	}
	for _, message := range response.GetProfiles() {
		info, err := protoconv.ProfileOf(message)
		if err != nil {
			return page, malformed(err)
		}
		page.Rows = append(page.Rows, info)
	}
	page.Next, err = protoconv.CursorOf(request, response.GetNextPageToken())
	page.Begin = beginOf(page.Next, q.Paging.Ascending)
	return page, malformed(err)
}

// MergeProfiles implements query.ProfileReader: the server merges.
func (r *Reader) MergeProfiles(ctx context.Context, q model.ProfileQuery) (*model.CallTree, error) {
	response, err := call(ctx, r, protoconv.MergeRequest(&q), r.records.GetProfiles)
	if err != nil {
		return nil, err
	}
	merged := response.GetMerged()
	if len(merged.GetData()) == 0 {
		return &model.CallTree{}, nil
	}
	if r.Decodes != nil {
		select {
		case r.Decodes <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		defer func() { <-r.Decodes }()
	}
	tree, err := decodeProfile(merged)
	return tree, malformed(err)
}

// GroupProfiles implements query.ProfileReader. It returns the costliest groups: what an
// answer leaves out is reported.
func (r *Reader) GroupProfiles(ctx context.Context, q model.ProfileGroupQuery) (model.ProfileGroups, error) {
	byTrace := q.By.Name() == ""
	response, err := call(ctx, r, protoconv.GroupRequest(&q), r.records.AnalyzeProfile)
	if err != nil {
		return model.ProfileGroups{}, err
	}
	groups, more, err := protoconv.GroupsOf(response, byTrace)
	if more > 0 {
		query.AddNote(ctx, query.Note{Source: r.Name, State: query.SourceIncomplete, Message: fmt.Sprintf(
			"has more than %d groups of samples: only the costliest count", len(groups.Groups))})
	}
	return groups, malformed(err)
}

func decodeProfile(merged *tapiov1.MergedProfile) (*model.CallTree, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(merged.GetData()))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(unpacked, maxProfileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxProfileBytes {
		return nil, model.Exhausted("the merged profile has more than %d bytes", maxProfileBytes)
	}
	list, rejected, err := otlp.UnmarshalProfiles(data)
	if err != nil {
		return nil, err
	}
	if len(list) != 1 || rejected.Total() > 0 {
		return nil, fmt.Errorf("it has %d profiles and %d samples that cannot be read, want one profile without any", len(list), rejected.Total())
	}
	tree := profile.Unflatten(&list[0])
	protoconv.SummarizeOf(tree, merged.GetSummary())
	return tree, nil
}
