// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/base64"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func testCursor() model.Cursor {
	return model.Cursor{Epoch: 1<<63 + 1, Snapshot: 20, Time: 1<<63 + 3, Seq: 4}
}

func TestPageTokenComesBack(t *testing.T) {
	assert.Empty(t, PageToken(&tapiov1.GetEventsRequest{}, model.Cursor{}))
	for name, first := range map[string]*tapiov1.Filter{
		"no filter": nil,
		"empty":     {},
		"limit":     {Limit: 7},
		"filter":    {Text: "x", Services: []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			token := PageToken(&tapiov1.GetEventsRequest{Filter: first}, testCursor())
			next := &tapiov1.Filter{
				Text: first.GetText(), Services: first.GetServices(), Limit: 50, PageToken: token,
			}
			query, err := GetEventsQuery(&tapiov1.GetEventsRequest{Filter: next}, testNow())
			require.NoError(t, err)
			assert.Equal(t, testCursor(), query.Paging.After)
		})
	}
	token := PageToken(&tapiov1.GetMetricsRequest{}, testCursor())
	query, err := GetPointsQuery(&tapiov1.GetMetricsRequest{
		Query: &tapiov1.MetricQuery{Filter: &tapiov1.Filter{PageToken: token}},
	}, testNow())
	require.NoError(t, err)
	assert.Equal(t, testCursor(), query.Paging.After)
}

func TestPageTokenOfAnotherRequest(t *testing.T) {
	token := PageToken(&tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Text: "x"}}, testCursor())
	_, err := GetLogsQuery(&tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Text: "y", PageToken: token}}, testNow())
	requireFault(t, err, "filter.page_token", "start again without it")
	_, err = GetEventsQuery(&tapiov1.GetEventsRequest{Filter: &tapiov1.Filter{Text: "x", PageToken: token}}, testNow())
	requireFault(t, err, "filter.page_token", "start again without it")
	_, err = GetTracesQuery(&tapiov1.GetTracesRequest{
		Query: &tapiov1.TraceQuery{Filter: &tapiov1.Filter{Text: "x", PageToken: token}},
	}, testNow())
	requireFault(t, err, "query.filter.page_token", "start again without it")
}

func TestPageTokenTampered(t *testing.T) {
	request := &tapiov1.GetEventsRequest{Filter: &tapiov1.Filter{}}
	good, err := base64.RawURLEncoding.DecodeString(PageToken(request, testCursor()))
	require.NoError(t, err)
	for i := range good {
		bad := append([]byte(nil), good...)
		bad[i] ^= 0x40
		request.Filter.PageToken = base64.RawURLEncoding.EncodeToString(bad)
		_, err := GetEventsQuery(request, testNow())
		requireFault(t, err, "filter.page_token", "start again without it")
	}
}

func FuzzPageToken(f *testing.F) {
	request := &tapiov1.GetEventsRequest{}
	f.Add(PageToken(request, testCursor()))
	f.Add("AQ")
	f.Add("=====")
	f.Fuzz(func(t *testing.T, token string) {
		cursor, err := cursorOf(request, token)
		if err != nil {
			requireFault(t, err, "page_token", "start again without it")
			return
		}
		// What passes is a token that this server makes.
		if !cursor.IsZero() {
			assert.Equal(t, token, PageToken(request, cursor))
		}
	})
}
