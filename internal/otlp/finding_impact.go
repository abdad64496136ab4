// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import "github.com/tapio/tapio/internal/model"

func operationImpactValue(o model.OperationImpact) model.Value {
	var to fields
	to.text("service", o.Service)
	to.text("operation", o.Operation)
	to.number("request_count", o.Requests)
	to.number("error_ratio", o.ErrorRatio)
	to.number("baseline_error_ratio", o.BaselineErrorRatio)
	to.number("slow_ratio", o.SlowRatio)
	to.count("baseline_p95", uint64(o.BaselineP95))
	to.count("p95", uint64(o.P95))
	return model.MapValue(to)
}

func operationImpactFrom(from known) model.OperationImpact {
	return model.OperationImpact{
		Service:            from.text("service"),
		Operation:          from.text("operation"),
		Requests:           from.number("request_count"),
		ErrorRatio:         from.number("error_ratio"),
		BaselineErrorRatio: from.number("baseline_error_ratio"),
		SlowRatio:          from.number("slow_ratio"),
		BaselineP95:        model.Nanos(from.count("baseline_p95")),
		P95:                model.Nanos(from.count("p95")),
	}
}

func attributeImpactValue(a model.AttributeImpact) model.Value {
	var to fields
	to.text("key", a.Key)
	to.count("value_count", a.Count)
	to.texts("values", a.Values)
	return model.MapValue(to)
}

func attributeImpactFrom(from known) model.AttributeImpact {
	return model.AttributeImpact{Key: from.text("key"), Count: from.count("value_count"), Values: from.texts("values")}
}

func similarValue(s model.SimilarIncident) model.Value {
	var to fields
	to.text("group_id", s.GroupID)
	to.count("start", uint64(s.Range.Start))
	to.count("end", uint64(s.Range.End))
	to.text("ended_by", s.EndedBy)
	return model.MapValue(to)
}

func similarFrom(from known) model.SimilarIncident {
	return model.SimilarIncident{
		GroupID: from.text("group_id"),
		Range:   model.TimeRange{Start: model.Nanos(from.count("start")), End: model.Nanos(from.count("end"))},
		EndedBy: from.text("ended_by"),
	}
}
