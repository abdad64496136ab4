// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type exportFlags struct {
	metricFlags
	format choice
}

func newExportCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write stored metrics to stdout in the format of another tool",
		RunE:  needSubcommand,
	}
	f := &exportFlags{format: newChoice("openmetrics", "openmetrics", "csv", "otlp-json", "otlp-proto")}
	metrics := &cobra.Command{
		Use:   "metrics",
		Short: "Write stored metrics to stdout in the format of another tool",
		Long: `Write stored metrics to stdout: OpenMetrics text, CSV, lines of OTLP/JSON as the
collector's otlpjsonfile receiver reads them, or one OTLP/protobuf
ExportMetricsServiceRequest.`,
		Example: `  tapioctl export metrics --format openmetrics --since 1h > metrics.txt
  tapioctl export metrics --format csv --name 'http.*' --aggregation p95 --resolution 1m --since 1h`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error { return a.exportMetrics(ctx, c, f) }),
	}
	f.add(metrics, 0, "most points or, with an aggregation, series to write; 0: all")
	addChoice(metrics, metrics.Flags(), &f.format, "format", "", "output format")
	cmd.AddCommand(metrics)
	return cmd
}

func exportFormat(word string) tapiov1.ExportMetricsRequest_Format {
	switch word {
	case "csv":
		return tapiov1.ExportMetricsRequest_FORMAT_CSV
	case "otlp-json":
		return tapiov1.ExportMetricsRequest_FORMAT_OTLP_JSON
	case "otlp-proto":
		return tapiov1.ExportMetricsRequest_FORMAT_OTLP_PROTO
	default:
		return tapiov1.ExportMetricsRequest_FORMAT_OPENMETRICS
	}
}

// exportMetrics joins the chunks. Joined OTLP/protobuf chunks are one valid
// request again, for protobuf appends repeated fields.
func (a *app) exportMetrics(ctx context.Context, c clients, f *exportFlags) error {
	if f.format.value == "otlp-proto" && a.out.terminal {
		return usageErrorf("--format otlp-proto is binary and would garble the terminal: redirect it to a file")
	}
	query, err := f.query(a)
	if err != nil {
		return err
	}
	query.Filter.Limit = f.limit
	// Ends the stream on the server when writing fails.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.observability.ExportMetrics(ctx,
		&tapiov1.ExportMetricsRequest{Query: query, Format: exportFormat(f.format.value)})
	if err != nil {
		return err
	}
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := a.out.Write(chunk.GetData()); err != nil {
			return writeError(err)
		}
	}
}
