// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// profileFlags select samples of profiles.
type profileFlags struct {
	selector.FilterFlags
	selector.TimeFlags
	sampleType string
	traceID    string
	spanID     string
	incident   string
	ids        []string
}

func (f *profileFlags) add(cmd *cobra.Command) {
	f.FilterFlags.Add(cmd)
	f.TimeFlags.Add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.sampleType, "type", "", "sample type, for example cpu or inuse_space (default cpu if there is one)")
	flags.StringVar(&f.traceID, "trace-id", "", "only samples of this trace, 32 hex digits")
	flags.StringVar(&f.spanID, "span-id", "", "only samples of this span, 16 hex digits")
	flags.StringVar(&f.incident, "incident", "", "only samples of the incident with this id: of the service that is its cause, in its time")
	flags.StringSliceVar(&f.ids, "id", nil, "only these profiles, by id")
}

// request selects the profiles, of all types unless --type names one.
func (f *profileFlags) request(a *app.App) (*tapiov1.GetProfilesRequest, error) {
	filter, err := f.Filter()
	if err != nil {
		return nil, err
	}
	if filter.TimeRange, err = f.TimeRange(&a.Out.Clock); err != nil {
		return nil, err
	}
	request := &tapiov1.GetProfilesRequest{Filter: filter, TraceId: f.traceID, SpanId: f.spanID, ProfileIds: f.ids, IncidentId: f.incident}
	if f.sampleType != "" {
		request.SampleTypes = []string{f.sampleType}
	}
	return request, nil
}

// NewCommand makes `tapioctl profile`.
func NewCommand(a *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Show which functions cost time or memory, and write profiles to files",
		RunE:  app.NeedSubcommand,
	}
	cmd.AddCommand(
		newProfileTopCommand(a), newProfileAdviceCommand(a), newProfileFlameCommand(a), newProfileListCommand(a), newProfileGetCommand(a),
		newProfileDiffCommand(a), newProfileFunctionCommand(a), newProfileTracesCommand(a), NewUploadCommand(a, "upload FILE...", "tapioctl profile upload"),
		newSymbolsCommand(a),
	)
	return cmd
}

// typesLooked is how many profiles are looked at to find their sample types.
const typesLooked = 1000

// chooseType fills in the sample type of a request that has none: cpu if there is one,
// else the only one that there is.
func chooseType(ctx context.Context, a *app.App, c app.Clients, request *tapiov1.GetProfilesRequest) error {
	if len(request.GetSampleTypes()) > 0 {
		return nil
	}
	request.Filter.Limit = typesLooked
	response, err := app.Call(ctx, a, c.Observability.GetProfiles, request)
	request.Filter.Limit = 0
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, p := range response.GetProfiles() {
		found[p.GetSampleType()] = true
	}
	types := slices.Sorted(maps.Keys(found))
	switch {
	case len(types) == 0 || found["cpu"]:
		request.SampleTypes = []string{"cpu"}
	case len(types) == 1:
		request.SampleTypes = types
	default:
		return exitcode.UsageErrorf("missing --type: the selected profiles have the sample types %s", strings.Join(types, ", "))
	}
	return nil
}

func newProfileListCommand(a *app.App) *cobra.Command {
	f := &profileFlags{}
	format := selector.NewChoice("table", "table", "json", "yaml")
	var limit uint32
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the stored profiles, the newest first",
		Example: `  tapioctl profile list --service checkout --since 1h`,
		Args:    cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			request, err := f.request(a)
			if err != nil {
				return err
			}
			if limit == 0 {
				return exitcode.UsageErrorf("--limit must be 1 or more")
			}
			request.Filter.Limit = min(limit, selector.ListedPerPage)
			return app.PrintPages(newProfileTable(a.Out), a.Out, format.Value, request.Filter, limit, func() ([]*tapiov1.Profile, string, error) {
				response, err := app.Call(ctx, a, c.Observability.GetProfiles, request)
				return response.GetProfiles(), response.GetNextPageToken(), err
			})
		}),
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", selector.DefaultListed, "maximum number of profiles to print")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func newProfileTable(o *render.Output) *render.Table[*tapiov1.Profile] {
	return &render.Table[*tapiov1.Profile]{
		What: "profiles", Heading: []string{"TIME", "SERVICE", "TYPE", "DURATION", "SAMPLES", "TOTAL", "ID"},
		Row: func(p *tapiov1.Profile) []render.Cell {
			return []render.Cell{
				{Text: o.Stamp(p.GetTime()), Paint: render.Dim},
				{Text: render.OrDash(p.GetService()), Paint: render.Cyan},
				{Text: p.GetSampleType(), Paint: render.Bold},
				{Text: render.ShortDuration(p.GetDuration().AsDuration()), Paint: render.Plain},
				{Text: render.Thousands(p.GetSampleCount()), Paint: render.Plain},
				{Text: costText(p.GetTotalValue(), p.GetSampleUnit()), Paint: render.Plain},
				{Text: p.GetProfileId(), Paint: render.Dim},
			}
		},
	}
}

// costText prints a value in its unit.
func costText(value float64, unit string) string {
	sign := ""
	if value < 0 {
		sign, value = "-", -value
	}
	switch unit {
	case "nanoseconds":
		return sign + render.ShortDuration(time.Duration(value))
	case "microseconds":
		return sign + render.ShortDuration(time.Duration(value*1e3))
	case "milliseconds":
		return sign + render.ShortDuration(time.Duration(value*1e6))
	case "seconds":
		return sign + render.ShortDuration(time.Duration(value*1e9))
	case "bytes":
		return sign + render.Size(uint64(value))
	case "count", "":
		return sign + render.Thousands(uint64(value))
	default:
		return sign + render.Thousands(uint64(value)) + " " + unit
	}
}

// noteQuality warns of what the numbers leave open.
func noteQuality(o *render.Output, s *tapiov1.ProfileSummary) {
	if s.GetUnsymbolizedShare() >= 0.05 {
		o.Note("%s of the samples have no function name: their binary has no symbols, or they were not sent", render.ShareText(s.GetUnsymbolizedShare()))
	}
	if s.GetTruncatedShare() >= 0.05 {
		o.Note("the stacks of %s of the samples are not complete: their callers are not known", render.ShareText(s.GetTruncatedShare()))
	}
}

func analyzeProfile(
	ctx context.Context, a *app.App, c app.Clients, f *profileFlags, refine func(*tapiov1.AnalyzeProfileRequest),
) (*tapiov1.AnalyzeProfileResponse, string, error) {
	selected, err := f.request(a)
	if err != nil {
		return nil, "", err
	}
	if err := chooseType(ctx, a, c, selected); err != nil {
		return nil, "", err
	}
	request := &tapiov1.AnalyzeProfileRequest{
		Filter: selected.GetFilter(), SampleType: selected.GetSampleTypes()[0],
		TraceId: selected.GetTraceId(), SpanId: selected.GetSpanId(), ProfileIds: selected.GetProfileIds(),
		IncidentId: selected.GetIncidentId(),
	}
	refine(request)
	response, err := app.Call(ctx, a, c.Observability.AnalyzeProfile, request)
	noteIncident(a.Out, response)
	return response, request.GetSampleType(), err
}

func newProfileTopCommand(a *app.App) *cobra.Command {
	f := &profileFlags{}
	format := selector.NewChoice("table", "table", "json", "yaml")
	var limit uint32
	var by string
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Print the functions that cost most, and known causes of cost",
		Long: `Print the functions that cost most, and known causes of cost. With --by the cost
for each value of a label is printed instead, with the function that costs most.`,
		Example: `  tapioctl profile top --service checkout --since 15m
  tapioctl profile top --service checkout --type inuse_space
  tapioctl profile top --service checkout --by thread.name`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			if limit == 0 {
				return exitcode.UsageErrorf("--limit must be 1 or more")
			}
			response, name, err := analyzeProfile(ctx, a, c, f, func(request *tapiov1.AnalyzeProfileRequest) { request.Top, request.GroupBy = limit, by })
			if err != nil {
				return err
			}
			if by != "" && format.Value == "table" {
				noteWarnings(a.Out, response)
				printCostGroups(a.Out, by, name, response)
				return nil
			}
			printFunctions(a.Out, format.Value, name, response)
			return nil
		}),
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", 20, "maximum number of functions or, with --by, values to print")
	cmd.Flags().StringVar(&by, "by", "", "print the cost for each value of this label, for example thread.name, instance or version")
	selector.AddChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func printFunctions(o *render.Output, format, sampleType string, response *tapiov1.AnalyzeProfileResponse) {
	noteWarnings(o, response)
	noteUnsymbolized(o, response)
	if format != "table" {
		o.PrintMessage(format, response)
		return
	}
	total, unit := response.GetTotalValue(), response.GetSampleUnit()
	share := func(value float64) string {
		if total == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f%%", 100*value/total)
	}
	costs := &render.Table[*tapiov1.AnalyzeProfileResponse_FunctionCost]{
		What: "samples of " + sampleType, Heading: []string{"SELF", "SELF%", "TOTAL", "TOTAL%", "FUNCTION", "FILE"},
		Row: func(f *tapiov1.AnalyzeProfileResponse_FunctionCost) []render.Cell {
			return []render.Cell{
				{Text: costText(f.GetSelfValue(), unit), Paint: render.Plain},
				{Text: share(f.GetSelfValue()), Paint: render.Yellow},
				{Text: costText(f.GetTotalValue(), unit), Paint: render.Plain},
				{Text: share(f.GetTotalValue()), Paint: render.Plain},
				{Text: f.GetFunction(), Paint: render.Bold},
				{Text: render.OrDash(f.GetFile()), Paint: render.Dim},
			}
		},
	}
	costs.Print(o, format, response.GetFunctions())
	if len(response.GetBottlenecks()) > 0 {
		o.WriteText("\n")
	}
	printBottlenecks(o, response)
}
