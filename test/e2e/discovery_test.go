// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func ofLogs(filter *tapiov1.Filter) *tapiov1.RecordSelection {
	return &tapiov1.RecordSelection{Signal: tapiov1.Signal_SIGNAL_LOGS, Filter: filter}
}

// What was sent is found by who asks what there is, over gRPC and over HTTP.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	c := Start(t, standard)
	client := apiOf(t, c)
	sendGRPC(t, c, fullTraces(t))
	sendGRPC(t, c, lines("shop", 1, 41, ""))
	sendGRPC(t, c, lines("cart", 1, 11, "cart.opened"))
	sendGRPC(t, c, metricsOf(pod("prod", "shop", "shop-1"), gauge("queue.length", time.Now().Add(-time.Minute), 1, 2, 3)))

	t.Run("services", func(t *testing.T) {
		var names []string
		request := &tapiov1.ListServicesRequest{Filter: &tapiov1.Filter{Limit: 3}}
		for {
			page, err := client.ListServices(bounded(t), request)
			require.NoError(t, err)
			for _, s := range page.Services {
				names = append(names, s.Name)
				if s.Name == "shop" {
					require.EqualValues(t, 40, s.LogCount)
					require.EqualValues(t, 1, s.SeriesCount)
					require.Equal(t, []tapiov1.Signal{tapiov1.Signal_SIGNAL_LOGS, tapiov1.Signal_SIGNAL_METRICS}, s.Signals)
				}
			}
			if request.Filter.PageToken = page.NextPageToken; page.NextPageToken == "" {
				break
			}
		}
		require.Equal(t, []string{"bank", "cart", "checkout", "shop"}, names)
		var byCount tapiov1.ListServicesResponse
		queryGet(t, c, "/v1/services?order=LIST_ORDER_COUNT&filter.limit=1", &byCount)
		require.Equal(t, "shop", byCount.Services[0].Name)
	})
	t.Run("operations", func(t *testing.T) {
		var got tapiov1.ListOperationsResponse
		queryGet(t, c, "/v1/operations?filter.services=checkout", &got)
		require.NotEmpty(t, got.Operations)
		require.NotZero(t, got.Operations[0].Spans.RequestCount)
	})
	t.Run("metrics", func(t *testing.T) {
		var got tapiov1.ListMetricsResponse
		queryGet(t, c, "/v1/metrics:list", &got)
		require.Len(t, got.Metrics, 1)
		require.Equal(t, "queue.length", got.Metrics[0].Name)
		require.Equal(t, tapiov1.MetricDescription_TYPE_GAUGE, got.Metrics[0].Type)
	})
	t.Run("labels", func(t *testing.T) {
		var got tapiov1.ListLabelsResponse
		queryGet(t, c, "/v1/labels?signal=SIGNAL_LOGS&prefix=service.", &got)
		require.Len(t, got.Labels, 1)
		require.EqualValues(t, 50, got.Labels[0].RecordCount)
		var values tapiov1.ListLabelValuesResponse
		queryGet(t, c, "/v1/labels/service.name/values?signal=SIGNAL_LOGS&order=LIST_ORDER_COUNT", &values)
		require.Equal(t, "shop", values.Values[0].Value)
		require.EqualValues(t, 40, values.Values[0].RecordCount)
		require.Equal(t, "cart", values.Values[1].Value)
	})
	t.Run("records", func(t *testing.T) { checkRecordDiscovery(t, c, client) })
	t.Run("graph", func(t *testing.T) {
		var got tapiov1.GetServiceGraphResponse
		queryGet(t, c, "/v1/services:graph", &got)
		require.NotEmpty(t, got.Edges)
		require.Equal(t, "service:checkout", got.Edges[0].Client)
	})
	t.Run("tapioctl", func(t *testing.T) { checkDiscoveryTools(t, c) })
	t.Run("changes", func(t *testing.T) {
		got, err := client.GetChanges(bounded(t), &tapiov1.GetChangesRequest{})
		require.NoError(t, err)
		require.Empty(t, got.Changes, "nothing was changed")
	})
}

func checkRecordDiscovery(t *testing.T, c *Collector, client api) {
	var counts tapiov1.CountRecordsResponse
	query(t, c, "/v1/records:count", `{"selection":{"signal":"SIGNAL_LOGS"},"groupBy":"service","resolution":"60s"}`, &counts)
	require.EqualValues(t, 50, counts.TotalCount)
	require.Equal(t, "shop", counts.Groups[0].Value)
	require.EqualValues(t, 40, counts.Groups[0].TotalCount)

	facets, err := client.GetFacets(bounded(t), &tapiov1.GetFacetsRequest{Selection: ofLogs(nil), Labels: []string{"service", "name"}})
	require.NoError(t, err)
	require.EqualValues(t, 50, facets.TotalCount)
	require.False(t, facets.Estimated)
	require.Equal(t, "shop", facets.Facets[0].Values[0].Value)
	require.EqualValues(t, 10, facets.Facets[1].Values[0].RecordCount, "only events have a name")

	compared, err := client.CompareAttributes(bounded(t), &tapiov1.CompareAttributesRequest{
		Selection: ofLogs(&tapiov1.Filter{EventNames: []string{"cart.opened"}}),
	})
	require.NoError(t, err)
	require.EqualValues(t, 10, compared.SelectionCount)
	require.EqualValues(t, 40, compared.BaselineCount)
	require.InDelta(t, 1, compared.Differences[0].Divergence, 0)
}

func checkDiscoveryTools(t *testing.T, c *Collector) {
	for command, want := range map[string]string{
		"get services":                              "shop",
		"get operations --service checkout":         "POST /pay",
		"get metric-names -o json":                  `"name":"queue.length"`,
		"get labels --signal logs --prefix service": "service.name",
		"get label-values service --sort count":     "shop",
		"get facets service":                        "80.0%",
		"get hits --group-by service":               "40",
		"get graph":                                 "bank",
		"compare --event-name cart.opened":          "+100.0%",
		"__complete get logs --service sh":          "shop\n",
		"__complete get label-values service.n":     "service.name\n",
		"__complete get trace " + fullTraceID[:6]:   fullTraceID,
	} {
		require.Contains(t, string(tapioctl(t, c, strings.Fields(command)...)), want, command)
	}
}

func TestBadDiscoveryNamesTheField(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	for _, bad := range []struct {
		field string
		call  func(context.Context) error
	}{
		{"filter.limit", func(ctx context.Context) error {
			_, err := client.ListServices(ctx, &tapiov1.ListServicesRequest{Filter: &tapiov1.Filter{Limit: 10_001}})
			return err
		}},
		{"filter.page_token", func(ctx context.Context) error {
			_, err := client.ListLabels(ctx, &tapiov1.ListLabelsRequest{Filter: &tapiov1.Filter{PageToken: "x"}})
			return err
		}},
		{"label", func(ctx context.Context) error {
			_, err := client.ListLabelValues(ctx, &tapiov1.ListLabelValuesRequest{})
			return err
		}},
		{"selection.signal", func(ctx context.Context) error {
			_, err := client.GetFacets(ctx, &tapiov1.GetFacetsRequest{})
			return err
		}},
		{"selection.operations", func(ctx context.Context) error {
			selection := ofLogs(nil)
			selection.Operations = []string{"a"}
			_, err := client.CountRecords(ctx, &tapiov1.CountRecordsRequest{Selection: selection})
			return err
		}},
		{"resolution", func(ctx context.Context) error {
			_, err := client.CountRecords(ctx, &tapiov1.CountRecordsRequest{
				Selection:  ofLogs(&tapiov1.Filter{TimeRange: &tapiov1.TimeRange{Last: durationpb.New(time.Hour)}}),
				Resolution: durationpb.New(time.Millisecond),
			})
			return err
		}},
		{"baseline.signal", func(ctx context.Context) error {
			_, err := client.CompareAttributes(ctx, &tapiov1.CompareAttributesRequest{
				Selection: ofLogs(nil), Baseline: &tapiov1.RecordSelection{Signal: tapiov1.Signal_SIGNAL_TRACES},
			})
			return err
		}},
		{"filter.ascending", func(ctx context.Context) error {
			_, err := client.GetServiceGraph(ctx, &tapiov1.GetServiceGraphRequest{Filter: &tapiov1.Filter{Ascending: true}})
			return err
		}},
		{"types[0]", func(ctx context.Context) error {
			_, err := client.GetChanges(ctx, &tapiov1.GetChangesRequest{Types: []tapiov1.ObservedChange_Type{77}})
			return err
		}},
	} {
		t.Run(bad.field, func(t *testing.T) { requireBadField(t, bad.call(bounded(t)), bad.field) })
	}
}

// discoveryCalls is how many calls discover makes.
const discoveryCalls = 10

// discover makes every call of discovery, and returns the error that they all return.
func discover(t *testing.T, client api) error {
	ctx := bounded(t)
	var errs []error
	for _, call := range []func() error{
		func() error { _, err := client.ListServices(ctx, &tapiov1.ListServicesRequest{}); return err },
		func() error { _, err := client.ListOperations(ctx, &tapiov1.ListOperationsRequest{}); return err },
		func() error { _, err := client.ListMetrics(ctx, &tapiov1.ListMetricsRequest{}); return err },
		func() error { _, err := client.ListLabels(ctx, &tapiov1.ListLabelsRequest{}); return err },
		func() error {
			_, err := client.ListLabelValues(ctx, &tapiov1.ListLabelValuesRequest{Label: "service"})
			return err
		},
		func() error {
			_, err := client.CountRecords(ctx, &tapiov1.CountRecordsRequest{Selection: ofLogs(nil)})
			return err
		},
		func() error {
			_, err := client.GetFacets(ctx, &tapiov1.GetFacetsRequest{Selection: ofLogs(nil)})
			return err
		},
		func() error {
			_, err := client.CompareAttributes(ctx, &tapiov1.CompareAttributesRequest{Selection: ofLogs(nil)})
			return err
		},
		func() error { _, err := client.GetServiceGraph(ctx, &tapiov1.GetServiceGraphRequest{}); return err },
		func() error { _, err := client.GetChanges(ctx, &tapiov1.GetChangesRequest{}); return err },
	} {
		errs = append(errs, call())
		require.Equal(t, status.Code(errs[0]), status.Code(errs[len(errs)-1]), "call %d: %v", len(errs), errs[len(errs)-1])
	}
	require.Len(t, errs, discoveryCalls)
	return errs[0]
}
