// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/tapio/tapio/internal/model"
)

// fullResource sets every field; wantResource is its content.
func fullResource(to pcommon.Resource) {
	to.Attributes().PutStr("service.name", "shop")
	to.SetDroppedAttributesCount(3)
	ref := entity.ResourceEntityRefs(to).AppendEmpty()
	ref.SetSchemaUrl("https://example.com/entity")
	ref.SetType("service")
	ref.IdKeys().Append("service.name")
	ref.DescriptionKeys().Append("service.version", "service.team")
}

func wantResource() *model.Resource {
	return &model.Resource{
		Attributes: model.Attributes{{Key: "service.name", Value: model.StringValue("shop")}},
		EntityRefs: []model.EntityRef{{
			SchemaURL:       "https://example.com/entity",
			Type:            "service",
			IDKeys:          []string{"service.name"},
			DescriptionKeys: []string{"service.version", "service.team"},
		}},
		SchemaURL:         "https://example.com/resource",
		DroppedAttributes: 3,
	}
}

// fullScope sets every field; wantScope is its content.
func fullScope(to pcommon.InstrumentationScope) {
	to.SetName("lib")
	to.SetVersion("1.2")
	to.Attributes().PutBool("inner", true)
	to.SetDroppedAttributesCount(4)
}

func wantScope() *model.Scope {
	return &model.Scope{
		Name:              "lib",
		Version:           "1.2",
		SchemaURL:         "https://example.com/scope",
		Attributes:        model.Attributes{{Key: "inner", Value: model.BoolValue(true)}},
		DroppedAttributes: 4,
	}
}
