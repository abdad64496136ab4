// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import "github.com/tapio/tapio/internal/model"

// Each part of a finding is a map: one function writes it, the next reads it.

func entityValue(e model.Entity) model.Value {
	var to fields
	putEnum(&to, "kind", entityKinds(), e.Kind)
	to.text("name", e.Name)
	if len(e.Attributes) > 0 {
		to.put("attributes", model.MapValue(e.Attributes))
	}
	return model.MapValue(to)
}

func entityFrom(from known) model.Entity {
	return model.Entity{
		Kind:       getEnum[model.EntityKind](from, "kind", entityKinds()),
		Name:       from.text("name"),
		Attributes: textAttributes(from.fields("attributes")),
	}
}

// textAttributes leaves out what an entity's attributes may not hold: values
// that are no strings, and keys that come twice.
func textAttributes(from known) model.Attributes {
	var list model.Attributes
	for _, kv := range from {
		if _, twice := list.Get(kv.Key); kv.Value.Kind() == model.KindString && !twice {
			list = append(list, kv)
		}
	}
	return list
}

// servicesOf returns the services of the entities, each once, in their order.
func servicesOf(entities []model.Entity) []string {
	var list []string
	seen := map[string]bool{"": true}
	for i := range entities {
		if service := entities[i].Service(); !seen[service] {
			seen[service] = true
			list = append(list, service)
		}
	}
	return list
}

func evidenceValue(e model.EvidenceRef) model.Value {
	var to fields
	putEnum(&to, "kind", evidenceKinds(), e.Kind)
	to.text("id", e.ID)
	to.count("time", uint64(e.Time))
	to.text("description", e.Description)
	return model.MapValue(to)
}

func evidenceFrom(from known) model.EvidenceRef {
	return model.EvidenceRef{
		Kind:        getEnum[model.EvidenceKind](from, "kind", evidenceKinds()),
		ID:          from.text("id"),
		Time:        model.Nanos(from.count("time")),
		Description: from.text("description"),
	}
}

func factorValue(c model.CausalFactor) model.Value {
	var to fields
	to.count("rank", uint64(c.Rank))
	to.put("entity", entityValue(c.Entity))
	to.number("probability", c.Probability)
	to.text("reason", c.Reason)
	putList(&to, "evidence", c.Evidence, evidenceValue)
	putList(&to, "within", c.Within, entityValue)
	return model.MapValue(to)
}

func factorFrom(from known) model.CausalFactor {
	return model.CausalFactor{
		Rank:        uint32(from.count("rank")),
		Entity:      entityFrom(from.fields("entity")),
		Probability: from.number("probability"),
		Reason:      from.text("reason"),
		Evidence:    recordsOf(from, "evidence", evidenceFrom),
		Within:      recordsOf(from, "within", entityFrom),
	}
}

func linkValue(l model.CausalLink) model.Value {
	var to fields
	to.put("cause", entityValue(l.Cause))
	to.put("effect", entityValue(l.Effect))
	to.count("onset", uint64(l.Onset))
	to.text("mechanism", l.Mechanism)
	to.number("confidence", l.Confidence)
	putList(&to, "evidence", l.Evidence, evidenceValue)
	return model.MapValue(to)
}

func linkFrom(from known) model.CausalLink {
	return model.CausalLink{
		Cause:      entityFrom(from.fields("cause")),
		Effect:     entityFrom(from.fields("effect")),
		Onset:      model.Nanos(from.count("onset")),
		Mechanism:  from.text("mechanism"),
		Confidence: from.number("confidence"),
		Evidence:   recordsOf(from, "evidence", evidenceFrom),
	}
}

func predictionValue(p model.Prediction) model.Value {
	var to fields
	to.text("description", p.Description)
	to.count("earliest", uint64(p.Expected.Start))
	to.count("latest", uint64(p.Expected.End))
	to.number("probability", p.Probability)
	to.put("entity", entityValue(p.Entity))
	putList(&to, "evidence", p.Evidence, evidenceValue)
	return model.MapValue(to)
}

func predictionFrom(from known) model.Prediction {
	return model.Prediction{
		Description: from.text("description"),
		Expected: model.TimeRange{
			Start: model.Nanos(from.count("earliest")),
			End:   model.Nanos(from.count("latest")),
		},
		Probability: from.number("probability"),
		Entity:      entityFrom(from.fields("entity")),
		Evidence:    recordsOf(from, "evidence", evidenceFrom),
	}
}

func actionValue(a model.RecommendedAction) model.Value {
	var to fields
	to.text("title", a.Title)
	to.text("description", a.Description)
	to.texts("commands", a.Commands)
	putEnum(&to, "urgency", urgencies(), a.Urgency)
	to.flag("read_only", a.ReadOnly)
	return model.MapValue(to)
}

func actionFrom(from known) model.RecommendedAction {
	return model.RecommendedAction{
		Title:       from.text("title"),
		Description: from.text("description"),
		Commands:    from.texts("commands"),
		Urgency:     getEnum[model.ActionUrgency](from, "urgency", urgencies()),
		ReadOnly:    from.flag("read_only"),
	}
}

func figureValue(f model.KeyFigure) model.Value {
	var to fields
	to.text("name", f.Name)
	to.text("value", f.Value)
	return model.MapValue(to)
}

func figureFrom(from known) model.KeyFigure {
	return model.KeyFigure{Name: from.text("name"), Value: from.text("value")}
}
