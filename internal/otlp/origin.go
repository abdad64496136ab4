// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/xpdata/entity"

	"github.com/tapio/tapio/internal/model"
)

func resourceFrom(r pcommon.Resource, schemaURL string) *model.Resource {
	return &model.Resource{
		Attributes:        ownAttributesFrom(r.Attributes()),
		EntityRefs:        entityRefsFrom(entity.ResourceEntityRefs(r)),
		SchemaURL:         schemaURL,
		DroppedAttributes: r.DroppedAttributesCount(),
	}
}

func entityRefsFrom(refs entity.EntityRefSlice) []model.EntityRef {
	if refs.Len() == 0 {
		return nil
	}
	list := make([]model.EntityRef, refs.Len())
	for i, ref := range refs.All() {
		list[i] = model.EntityRef{
			SchemaURL:       ref.SchemaUrl(),
			Type:            ref.Type(),
			IDKeys:          ref.IdKeys().AsRaw(),
			DescriptionKeys: ref.DescriptionKeys().AsRaw(),
		}
	}
	return list
}

func scopeFrom(s pcommon.InstrumentationScope, schemaURL string) *model.Scope {
	return &model.Scope{
		Name:              s.Name(),
		Version:           s.Version(),
		SchemaURL:         schemaURL,
		Attributes:        ownAttributesFrom(s.Attributes()),
		DroppedAttributes: s.DroppedAttributesCount(),
	}
}

// putResource writes all but the schema URL, which stands beside a resource.
func putResource(to pcommon.Resource, r *model.Resource) {
	putAttributes(to.Attributes(), r.Attributes)
	to.SetDroppedAttributesCount(r.DroppedAttributes)
	refs := entity.ResourceEntityRefs(to)
	refs.EnsureCapacity(len(r.EntityRefs))
	for i := range r.EntityRefs {
		putEntityRef(refs.AppendEmpty(), &r.EntityRefs[i])
	}
}

func putEntityRef(to entity.EntityRef, ref *model.EntityRef) {
	to.SetSchemaUrl(ref.SchemaURL)
	to.SetType(ref.Type)
	to.IdKeys().FromRaw(ref.IDKeys)
	to.DescriptionKeys().FromRaw(ref.DescriptionKeys)
}

// putScope writes all but the schema URL, which stands beside a scope.
func putScope(to pcommon.InstrumentationScope, s *model.Scope) {
	to.SetName(s.Name)
	to.SetVersion(s.Version)
	putAttributes(to.Attributes(), s.Attributes)
	to.SetDroppedAttributesCount(s.DroppedAttributes)
}

// sameResource reports whether records of the two can stand under one.
func sameResource(a, b *model.Resource) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return a.SchemaURL == b.SchemaURL && a.DroppedAttributes == b.DroppedAttributes &&
		a.Attributes.Equal(b.Attributes) && slices.EqualFunc(a.EntityRefs, b.EntityRefs, sameEntityRef)
}

func sameEntityRef(a, b model.EntityRef) bool {
	return a.SchemaURL == b.SchemaURL && a.Type == b.Type &&
		slices.Equal(a.IDKeys, b.IDKeys) && slices.Equal(a.DescriptionKeys, b.DescriptionKeys)
}

// sameScope reports whether records of the two can stand under one.
func sameScope(a, b *model.Scope) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	return a.Name == b.Name && a.Version == b.Version && a.SchemaURL == b.SchemaURL &&
		a.DroppedAttributes == b.DroppedAttributes && a.Attributes.Equal(b.Attributes)
}
