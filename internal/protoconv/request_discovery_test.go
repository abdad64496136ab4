// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestListTokens(t *testing.T) {
	request := &tapiov1.ListServicesRequest{Order: tapiov1.ListOrder_LIST_ORDER_COUNT}
	place := model.ListPlace{Count: 7, Key: "shop\x00"}
	request.Filter = &tapiov1.Filter{PageToken: ListToken(request, place)}
	query, err := ListServicesQuery(request, testNow())
	require.NoError(t, err)
	require.Equal(t, place, query.Paging.After)
	require.True(t, query.Paging.ByCount)
	require.Empty(t, ListToken(request, model.ListPlace{}))

	request.Order = tapiov1.ListOrder_LIST_ORDER_UNSPECIFIED
	_, err = ListServicesQuery(request, testNow())
	requireFault(t, err, "filter.page_token", "belongs to another request")
	request.Filter.PageToken = PageToken(request, model.Cursor{Epoch: 1})
	_, err = ListServicesQuery(request, testNow())
	requireFault(t, err, "filter.page_token", "none of this server's tokens")
}

func TestFaultsInSelections(t *testing.T) {
	for field, bad := range map[string]*tapiov1.RecordSelection{
		"selection.signal":            {Signal: tapiov1.Signal_SIGNAL_METRICS},
		"selection.filter.limit":      {Signal: tapiov1.Signal_SIGNAL_LOGS, Filter: &tapiov1.Filter{Limit: 1}},
		"selection.filter.ascending":  {Signal: tapiov1.Signal_SIGNAL_LOGS, Filter: &tapiov1.Filter{Ascending: true}},
		"selection.filter.severities": {Signal: tapiov1.Signal_SIGNAL_TRACES, Filter: &tapiov1.Filter{Severities: []tapiov1.Severity{1}}},
		"selection.trace_id":          {Signal: tapiov1.Signal_SIGNAL_TRACES, TraceId: "00"},
		"selection.min_duration":      {Signal: tapiov1.Signal_SIGNAL_LOGS, MinDuration: durationpb.New(1)},
		"selection.max_duration": {
			Signal: tapiov1.Signal_SIGNAL_TRACES, MinDuration: durationpb.New(time.Second), MaxDuration: durationpb.New(1),
		},
	} {
		_, err := GetFacetsQuery(&tapiov1.GetFacetsRequest{Selection: bad}, testNow())
		requireFault(t, err, field, "")
		_, err = CompareAttributesQuery(&tapiov1.CompareAttributesRequest{Selection: bad}, testNow())
		requireFault(t, err, field, "")
	}
	_, err := GetFacetsQuery(&tapiov1.GetFacetsRequest{
		Selection: &tapiov1.RecordSelection{Signal: tapiov1.Signal_SIGNAL_LOGS}, Labels: []string{"a", ""},
	}, testNow())
	requireFault(t, err, "labels[1]", "1 to 256 bytes")
}
