// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestFaultsInQuestionsAboutFindings(t *testing.T) {
	long := strings.Repeat("x", 129)
	for name, test := range map[string]struct {
		ask         func() error
		field, mend string
	}{
		"severity of a group": {func() error {
			_, err := GetSemanticGroupsQuery(&tapiov1.GetSemanticGroupsRequest{
				Filter: &tapiov1.Filter{MinSeverity: tapiov1.Severity_SEVERITY_WARN},
			}, testNow())
			return err
		}, "filter.min_severity", "only insights"},
		"event name": {func() error {
			_, err := GetCorrelationsQuery(&tapiov1.GetCorrelationsRequest{
				Filter: &tapiov1.Filter{EventNames: []string{"a"}},
			}, testNow())
			return err
		}, "filter.event_names", "the method selects"},
		"namespace of an insight": {func() error {
			_, err := GetInsightsQuery(&tapiov1.GetInsightsRequest{Filter: &tapiov1.Filter{Namespaces: []string{"a"}}}, testNow())
			return err
		}, "filter.namespaces", "query the groups"},
		"confidence": {func() error {
			_, err := GetInsightsQuery(&tapiov1.GetInsightsRequest{MinConfidence: 1.5}, testNow())
			return err
		}, "min_confidence", "0 to 1"},
		"confidence that is no number": {func() error {
			_, err := GetInsightsQuery(&tapiov1.GetInsightsRequest{MinConfidence: math.NaN()}, testNow())
			return err
		}, "min_confidence", "0 to 1"},
		"unknown type": {func() error {
			_, err := GetSemanticGroupsQuery(&tapiov1.GetSemanticGroupsRequest{Types: []tapiov1.SemanticGroup_Type{1, 99}}, testNow())
			return err
		}, "types[1]", "99 is no value"},
		"unspecified state": {func() error {
			_, err := GetSemanticGroupsQuery(&tapiov1.GetSemanticGroupsRequest{States: []tapiov1.SemanticGroup_State{0}}, testNow())
			return err
		}, "states[0]", "leave states empty"},
		"unknown audience": {func() error {
			_, err := GetInsightsQuery(&tapiov1.GetInsightsRequest{Audience: 9}, testNow())
			return err
		}, "audience", "9 is no value"},
		"long group id": {func() error {
			_, err := GetInsightsQuery(&tapiov1.GetInsightsRequest{GroupId: long}, testNow())
			return err
		}, "group_id", "the most is 128"},
		"many ids": {func() error {
			_, err := GetSemanticGroupsQuery(&tapiov1.GetSemanticGroupsRequest{GroupIds: make([]string, 1001)}, testNow())
			return err
		}, "group_ids", "the most is 1000"},
		"analysis of all time": {func() error {
			_, err := AnalyzeQuery(&tapiov1.AnalyzeEventsRequest{}, testNow())
			return err
		}, "filter.time_range", "a start and an end"},
		"analysis of a week": {func() error {
			_, err := AnalyzeQuery(&tapiov1.AnalyzeEventsRequest{Filter: &tapiov1.Filter{
				TimeRange: &tapiov1.TimeRange{Last: durationpb.New(7 * 24 * time.Hour)},
			}}, testNow())
			return err
		}, "filter.time_range", "the most is 24h"},
		"analysis of ids and a time": {func() error {
			_, err := AnalyzeQuery(&tapiov1.AnalyzeEventsRequest{EventIds: []string{"a"}, Filter: &tapiov1.Filter{
				TimeRange: &tapiov1.TimeRange{Last: durationpb.New(time.Hour)},
			}}, testNow())
			return err
		}, "filter.time_range", "excludes event_ids"},
		"analysis of no id": {func() error {
			_, err := AnalyzeQuery(&tapiov1.AnalyzeEventsRequest{EventIds: []string{"a", ""}}, testNow())
			return err
		}, "event_ids[1]", "1 to 128 bytes"},
		"analysis in pages": {func() error {
			_, err := AnalyzeQuery(&tapiov1.AnalyzeEventsRequest{Filter: &tapiov1.Filter{Limit: 5}}, testNow())
			return err
		}, "filter.limit", "no pages"},
	} {
		t.Run(name, func(t *testing.T) { requireFault(t, test.ask(), test.field, test.mend) })
	}
}

func TestQuestionsAboutFindings(t *testing.T) {
	query, err := GetSemanticGroupsQuery(&tapiov1.GetSemanticGroupsRequest{
		Types:         []tapiov1.SemanticGroup_Type{tapiov1.SemanticGroup_TYPE_NETWORK},
		States:        []tapiov1.SemanticGroup_State{tapiov1.SemanticGroup_STATE_OPEN},
		Kinds:         []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_OBSERVATION},
		GroupIds:      []string{"g"},
		MinConfidence: 0.5,
		Filter:        &tapiov1.Filter{Services: []string{"pay"}, Limit: 7},
	}, testNow())
	require.NoError(t, err)
	require.Equal(t, model.FindingQuery{
		EventName:     model.SemanticGroupEvent,
		Filter:        model.Filter{Services: []string{"pay"}, Severities: []model.Severity{}, Selectors: []model.Selector{}},
		Paging:        model.Paging{Limit: 7, MaxBytes: pageBytes},
		MinConfidence: 0.5,
		IDs:           []string{"g"},
		GroupTypes:    []model.GroupType{model.GroupNetwork},
		GroupStates:   []model.GroupState{model.GroupOpen},
		GroupKinds:    []model.GroupKind{model.GroupObservation},
	}, query)
}
