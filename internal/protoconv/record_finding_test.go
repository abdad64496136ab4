// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The words' enums are converted by number, so a number must mean the same on
// both sides: the last of each reports that none was put in between.
func TestEnumsOfFindingsHaveTheNumbersOfTheContract(t *testing.T) {
	for last, enum := range map[string]struct {
		word  uint8
		value protoreflect.Enum
	}{
		"KIND_DEVICE":        {uint8(model.EntityDevice), tapiov1.Entity_KIND_UNSPECIFIED},
		"KIND_PROFILE":       {uint8(model.EvidenceProfile), tapiov1.EvidenceRef_KIND_UNSPECIFIED},
		"TYPE_TRACE_CONTEXT": {uint8(model.CorrelationTraceContext), tapiov1.Correlation_TYPE_UNSPECIFIED},
		"TYPE_SECURITY":      {uint8(model.GroupSecurity), tapiov1.SemanticGroup_TYPE_UNSPECIFIED},
		"STATE_REOPENED":     {uint8(model.GroupReopened), tapiov1.SemanticGroup_STATE_UNSPECIFIED},
		"KIND_CHANGE":        {uint8(model.GroupChange), tapiov1.SemanticGroup_KIND_UNSPECIFIED},
		"AUDIENCE_MANAGER":   {uint8(model.AudienceManager), tapiov1.Insight_AUDIENCE_UNSPECIFIED},
		"LEVEL_CRITICAL":     {uint8(model.ImpactCritical), tapiov1.ImpactAssessment_LEVEL_UNSPECIFIED},
		"URGENCY_HIGH":       {uint8(model.UrgencyHigh), tapiov1.RecommendedAction_URGENCY_UNSPECIFIED},
	} {
		values := enum.value.Descriptor().Values()
		assert.Equal(t, last, string(values.Get(values.Len()-1).Name()))
		assert.EqualValues(t, values.Get(values.Len()-1).Number(), enum.word, last)
	}
	kinds := tapiov1.Entity_KIND_UNSPECIFIED.Descriptor().Values()
	for i := 1; i < kinds.Len(); i++ {
		want := strings.ToLower(strings.TrimPrefix(string(kinds.Get(i).Name()), "KIND_"))
		assert.Equal(t, want, model.EntityKind(i).String())
	}
}

// wholeGroup sets every field, so that one which the wire forgets is seen.
func wholeGroup() *model.SemanticGroup {
	entity := model.Entity{
		Kind: model.EntityPod, Name: "pay-7",
		Attributes: model.Attributes{{Key: "k8s.namespace.name", Value: model.StringValue("shop")}},
	}
	evidence := []model.EvidenceRef{{Kind: model.EvidenceEvent, ID: "e-1", Time: 5, Description: "killed"}}
	return &model.SemanticGroup{
		FindingIdentity: model.FindingIdentity{ID: "g-1", Revision: 3, Time: 9},
		Type:            model.GroupNetwork, State: model.GroupMerged, Title: "title",
		Range:          model.TimeRange{Start: 5, End: 8},
		CorrelationIDs: []string{"c-1"}, Members: evidence, MemberCount: 4, Services: []string{"pay"},
		RootCause: model.RootCause{
			Factors: []model.CausalFactor{{Rank: 1, Entity: entity, Probability: 0.5, Reason: "why", Evidence: evidence, Within: []model.Entity{entity}}},
			Chain: []model.CausalLink{
				{Cause: entity, Effect: entity, Onset: 6, Mechanism: "how", Confidence: 0.25, Evidence: evidence},
			},
			Evidence: evidence, Confidence: 0.75, Summary: "summary",
		},
		Impact: model.Impact{
			Level: model.ImpactHigh, Entities: []model.Entity{entity}, AffectedRequestRatio: 0.1, ErrorRatio: 0.2,
			CascadeRisk: 0.3, Summary: "hit", SlowRatio: 0.4, BaselineErrorRatio: 0.01, Requests: 100, FailedRequests: 10, SlowRequests: 5,
			PeakAffectedRatio: 0.6, PeakTime: 7, Unaffected: 2, Attributes: []model.AttributeImpact{{Key: "tenant.id", Count: 1, Values: []string{"a"}}},
			Operations: []model.OperationImpact{{
				Service: "web", Operation: "GET /", Requests: 100, ErrorRatio: 0.1, BaselineErrorRatio: 0.01, SlowRatio: 0.05, BaselineP95: 1, P95: 2,
			}},
		},
		Predictions: []model.Prediction{{
			Description: "full", Expected: model.TimeRange{Start: 10, End: 20}, Probability: 0.5, Entity: entity, Evidence: evidence,
		}},
		Actions: []model.RecommendedAction{{
			Title: "look", Description: "closely", Commands: []string{"ls"}, Urgency: model.UrgencyHigh, ReadOnly: true,
		}},
		MergedInto: "g-0", SplitFrom: "g-2", Confidence: 0.9, Kind: model.GroupIncident,
		Similar: []model.SimilarIncident{{GroupID: "g-3", Range: model.TimeRange{Start: 1, End: 2}, EndedBy: "pay 1.1"}}, SimilarCount: 1,
	}
}

func TestMessagesOfFindingsHaveEveryField(t *testing.T) {
	group := wholeGroup()
	for _, message := range []proto.Message{
		SemanticGroup(group),
		Correlation(&model.Correlation{
			FindingIdentity: group.FindingIdentity, Type: model.CorrelationCausal, Score: 0.1, Confidence: 0.2,
			Members: group.Members, Entities: group.Impact.Entities, Range: group.Range, Rule: "r", Explanation: "e", GroupID: "g",
		}),
		Insight(&model.Insight{
			FindingIdentity: group.FindingIdentity, GroupID: "g", Audience: model.AudienceSRE, Title: "t", Text: "x",
			Kind: model.GroupIncident, State: model.GroupOpen,
			Severity: model.SeverityError, Confidence: 0.1, Services: []string{"s"}, Actions: group.Actions,
			KeyFigures: []model.KeyFigure{{Name: "n", Value: "v"}}, Evidence: group.Members, Duration: 3,
		}),
	} {
		requireEveryField(t, message.ProtoReflect())
	}
}

func requireEveryField(t *testing.T, m protoreflect.Message) {
	t.Helper()
	if m.Descriptor().FullName().Parent() == "google.protobuf" {
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Name() == "last" && m.Descriptor().Name() == "TimeRange" {
			continue // excludes start and end
		}
		require.True(t, m.Has(field), "%s", field.FullName())
		switch {
		case field.IsMap() || field.Message() == nil:
		case field.IsList():
			requireEveryField(t, m.Get(field).List().Get(0).Message())
		default:
			requireEveryField(t, m.Get(field).Message())
		}
	}
}
