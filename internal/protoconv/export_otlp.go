// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	collectormetricsv1 "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// EncodePoints encodes points in the format and returns one chunk; see the
// encoder of each format for what the caller puts before and after.
func EncodePoints(format tapiov1.ExportMetricsRequest_Format, points []model.Point) ([]byte, error) {
	switch format {
	case tapiov1.ExportMetricsRequest_FORMAT_OTLP_PROTO:
		return EncodeOTLPProto(points)
	case tapiov1.ExportMetricsRequest_FORMAT_OPENMETRICS:
		return EncodeOpenMetrics(points)
	case tapiov1.ExportMetricsRequest_FORMAT_CSV:
		return EncodeCSV(points)
	default:
		return EncodeOTLPJSON(points)
	}
}

// ContentType returns the media type of a format.
func ContentType(format tapiov1.ExportMetricsRequest_Format) string {
	switch format {
	case tapiov1.ExportMetricsRequest_FORMAT_OTLP_PROTO:
		return "application/x-protobuf"
	case tapiov1.ExportMetricsRequest_FORMAT_OPENMETRICS:
		return "application/openmetrics-text; version=1.0.0; charset=utf-8"
	case tapiov1.ExportMetricsRequest_FORMAT_CSV:
		return "text/csv; charset=utf-8; header=present"
	default:
		return "application/x-ndjson"
	}
}

// EncodeOTLPProto returns one ExportMetricsServiceRequest; nothing for no
// points.
func EncodeOTLPProto(points []model.Point) ([]byte, error) {
	return proto.Marshal(exportRequest(points))
}

// EncodeOTLPJSON returns one line with one ExportMetricsServiceRequest; nothing
// for no points.
func EncodeOTLPJSON(points []model.Point) ([]byte, error) {
	if len(points) == 0 {
		return nil, nil
	}
	line, err := JSON{EnumNumbers: true}.Marshal(exportRequest(points))
	if err != nil {
		return nil, err
	}
	return append(line, '\n'), nil
}

func exportRequest(points []model.Point) *collectormetricsv1.ExportMetricsServiceRequest {
	return &collectormetricsv1.ExportMetricsServiceRequest{ResourceMetrics: ResourceMetrics(points)}
}
