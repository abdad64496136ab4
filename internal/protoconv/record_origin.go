// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"

	"github.com/tapio/tapio/internal/model"
)

// origins makes one message for each resource and scope, however many records
// share it.
type origins struct {
	resources map[*model.Resource]*resourcev1.Resource
	scopes    map[*model.Scope]*commonv1.InstrumentationScope
}

func newOrigins() origins {
	return origins{
		resources: map[*model.Resource]*resourcev1.Resource{},
		scopes:    map[*model.Scope]*commonv1.InstrumentationScope{},
	}
}

func (o origins) resource(r *model.Resource) *resourcev1.Resource {
	message, made := o.resources[r]
	if !made {
		message = resource(r)
		o.resources[r] = message
	}
	return message
}

func (o origins) scope(s *model.Scope) *commonv1.InstrumentationScope {
	message, made := o.scopes[s]
	if !made {
		message = scope(s)
		o.scopes[s] = message
	}
	return message
}

// resource returns nil for an empty resource.
func resource(r *model.Resource) *resourcev1.Resource {
	if r == nil || len(r.Attributes) == 0 && len(r.EntityRefs) == 0 && r.DroppedAttributes == 0 {
		return nil
	}
	out := &resourcev1.Resource{
		Attributes:             keyValues(r.Attributes),
		DroppedAttributesCount: r.DroppedAttributes,
	}
	for _, ref := range r.EntityRefs {
		out.EntityRefs = append(out.EntityRefs, &commonv1.EntityRef{
			SchemaUrl:       ref.SchemaURL,
			Type:            ref.Type,
			IdKeys:          ref.IDKeys,
			DescriptionKeys: ref.DescriptionKeys,
		})
	}
	return out
}

// scope returns nil for an empty scope.
func scope(s *model.Scope) *commonv1.InstrumentationScope {
	if s == nil || s.Name == "" && s.Version == "" && len(s.Attributes) == 0 && s.DroppedAttributes == 0 {
		return nil
	}
	return &commonv1.InstrumentationScope{
		Name:                   s.Name,
		Version:                s.Version,
		Attributes:             keyValues(s.Attributes),
		DroppedAttributesCount: s.DroppedAttributes,
	}
}

func resourceURL(r *model.Resource) string {
	if r == nil {
		return ""
	}
	return r.SchemaURL
}

func scopeURL(s *model.Scope) string {
	if s == nil {
		return ""
	}
	return s.SchemaURL
}

func resourceFrom(r *resourcev1.Resource, schemaURL string) (*model.Resource, error) {
	attributes, err := attributesFrom(r.GetAttributes())
	if err != nil {
		return nil, within("resource", err)
	}
	out := &model.Resource{
		Attributes:        attributes,
		SchemaURL:         schemaURL,
		DroppedAttributes: r.GetDroppedAttributesCount(),
	}
	for _, ref := range r.GetEntityRefs() {
		out.EntityRefs = append(out.EntityRefs, model.EntityRef{
			SchemaURL:       ref.GetSchemaUrl(),
			Type:            ref.GetType(),
			IDKeys:          ref.GetIdKeys(),
			DescriptionKeys: ref.GetDescriptionKeys(),
		})
	}
	return out, nil
}

func scopeFrom(s *commonv1.InstrumentationScope, schemaURL string) (*model.Scope, error) {
	attributes, err := attributesFrom(s.GetAttributes())
	if err != nil {
		return nil, within("scope", err)
	}
	return &model.Scope{
		Name:              s.GetName(),
		Version:           s.GetVersion(),
		SchemaURL:         schemaURL,
		Attributes:        attributes,
		DroppedAttributes: s.GetDroppedAttributesCount(),
	}, nil
}
