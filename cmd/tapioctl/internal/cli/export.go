// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

type exportFlags struct {
	selector.MetricFlags
	format selector.Choice
}

func newExportCommand(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write stored metrics to stdout in the format of another tool",
		RunE:  app.NeedSubcommand,
	}
	f := &exportFlags{format: selector.NewChoice("openmetrics", "openmetrics", "csv", "otlp-json", "otlp-proto")}
	metrics := &cobra.Command{
		Use:   "metrics",
		Short: "Write stored metrics to stdout in the format of another tool",
		Long: `Write stored metrics to stdout: OpenMetrics text, CSV, lines of OTLP/JSON as the
collector's otlpjsonfile receiver reads them, or one OTLP/protobuf
ExportMetricsServiceRequest.`,
		Example: `  tapioctl export metrics --format openmetrics --since 1h > metrics.txt
  tapioctl export metrics --format csv --name 'http.*' --aggregation p95 --resolution 1m --since 1h`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return exportMetrics(ctx, a, c, f) }),
	}
	f.Add(metrics, 0, "maximum number of points or, with an aggregation, series to write; 0: all")
	selector.AddChoice(metrics, metrics.Flags(), &f.format, "format", "", "output format")
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
func exportMetrics(ctx context.Context, a *app.App, c app.Clients, f *exportFlags) error {
	if f.format.Value == "otlp-proto" && a.Out.Terminal {
		return exitcode.UsageErrorf("--format otlp-proto is binary and would garble the terminal: redirect it to a file")
	}
	query, err := f.Query(&a.Out.Clock)
	if err != nil {
		return err
	}
	query.Filter.Limit = f.Limit
	// Ends the stream on the server when writing fails.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.Observability.ExportMetrics(ctx,
		&tapiov1.ExportMetricsRequest{Query: query, Format: exportFormat(f.format.Value)})
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
		if _, err := a.Out.Write(chunk.GetData()); err != nil {
			return exitcode.WriteError(err)
		}
	}
}
