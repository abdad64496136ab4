// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// profileFlags select samples of profiles.
type profileFlags struct {
	filterFlags
	timeFlags
	sampleType string
	traceID    string
	spanID     string
	incident   string
	ids        []string
}

func (f *profileFlags) add(cmd *cobra.Command) {
	f.filterFlags.add(cmd)
	f.timeFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.sampleType, "type", "", "sample type, for example cpu or inuse_space (default cpu if there is one)")
	flags.StringVar(&f.traceID, "trace-id", "", "only samples of this trace, 32 hex digits")
	flags.StringVar(&f.spanID, "span-id", "", "only samples of this span, 16 hex digits")
	flags.StringVar(&f.incident, "incident", "", "only samples of the incident with this id: of the service that is its cause, in its time")
	flags.StringSliceVar(&f.ids, "id", nil, "only these profiles, by id")
}

// request selects the profiles, of all types unless --type names one.
func (f *profileFlags) request(a *app) (*tapiov1.GetProfilesRequest, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	if filter.TimeRange, err = f.timeRange(a); err != nil {
		return nil, err
	}
	request := &tapiov1.GetProfilesRequest{Filter: filter, TraceId: f.traceID, SpanId: f.spanID, ProfileIds: f.ids, IncidentId: f.incident}
	if f.sampleType != "" {
		request.SampleTypes = []string{f.sampleType}
	}
	return request, nil
}

func newProfileCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Show which functions cost time or memory, and write profiles to files",
		RunE:  needSubcommand,
	}
	cmd.AddCommand(
		newProfileTopCommand(a), newProfileAdviceCommand(a), newProfileFlameCommand(a), newProfileListCommand(a), newProfileGetCommand(a),
		newProfileDiffCommand(a), newProfileFunctionCommand(a), newProfileTracesCommand(a), newProfileUploadCommand(a, "upload FILE...", "tapioctl profile upload"),
	)
	return cmd
}

// typesLooked is how many profiles are looked at to find their sample types.
const typesLooked = 1000

// chooseType fills in the sample type of a request that has none: cpu if there is one,
// else the only one that there is.
func (a *app) chooseType(ctx context.Context, c clients, request *tapiov1.GetProfilesRequest) error {
	if len(request.GetSampleTypes()) > 0 {
		return nil
	}
	request.Filter.Limit = typesLooked
	response, err := call(ctx, a, c.observability.GetProfiles, request)
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
		return usageErrorf("missing --type: the selected profiles have the sample types %s", strings.Join(types, ", "))
	}
	return nil
}

func newProfileListCommand(a *app) *cobra.Command {
	f := &profileFlags{}
	format := newChoice("table", "table", "json", "yaml")
	var limit uint32
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the stored profiles, the newest first",
		Example: `  tapioctl profile list --service checkout --since 1h`,
		Args:    cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			request, err := f.request(a)
			if err != nil {
				return err
			}
			if limit == 0 {
				return usageErrorf("--limit must be 1 or more")
			}
			request.Filter.Limit = min(limit, listedPerPage)
			return a.profileTable().printPages(a, format.value, request.Filter, limit, func() ([]*tapiov1.Profile, string, error) {
				response, err := call(ctx, a, c.observability.GetProfiles, request)
				return response.GetProfiles(), response.GetNextPageToken(), err
			})
		}),
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", defaultListed, "most profiles to print")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func (a *app) profileTable() *table[*tapiov1.Profile] {
	return &table[*tapiov1.Profile]{
		what: "profiles", heading: []string{"TIME", "SERVICE", "TYPE", "DURATION", "SAMPLES", "TOTAL", "ID"},
		row: func(p *tapiov1.Profile) []cell {
			return []cell{
				{a.stamp(p.GetTime()), dim},
				{orDash(p.GetService()), cyan},
				{p.GetSampleType(), bold},
				{shortDuration(p.GetDuration().AsDuration()), plain},
				{thousands(p.GetSampleCount()), plain},
				{costText(p.GetTotalValue(), p.GetSampleUnit()), plain},
				{p.GetProfileId(), dim},
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
		return sign + shortDuration(time.Duration(value))
	case "microseconds":
		return sign + shortDuration(time.Duration(value*1e3))
	case "milliseconds":
		return sign + shortDuration(time.Duration(value*1e6))
	case "seconds":
		return sign + shortDuration(time.Duration(value*1e9))
	case "bytes":
		return sign + size(uint64(value))
	case "count", "":
		return sign + thousands(uint64(value))
	default:
		return sign + thousands(uint64(value)) + " " + unit
	}
}

// noteQuality warns of what the numbers leave open.
func (a *app) noteQuality(s *tapiov1.ProfileSummary) {
	if s.GetUnsymbolizedShare() >= 0.05 {
		a.note("%s of the samples have no function name: their binary has no symbols, or they were not sent", shareText(s.GetUnsymbolizedShare()))
	}
	if s.GetTruncatedShare() >= 0.05 {
		a.note("the stacks of %s of the samples are not complete: their callers are not known", shareText(s.GetTruncatedShare()))
	}
}

func (a *app) analyzeProfile(
	ctx context.Context, c clients, f *profileFlags, refine func(*tapiov1.AnalyzeProfileRequest),
) (*tapiov1.AnalyzeProfileResponse, string, error) {
	selected, err := f.request(a)
	if err != nil {
		return nil, "", err
	}
	if err := a.chooseType(ctx, c, selected); err != nil {
		return nil, "", err
	}
	request := &tapiov1.AnalyzeProfileRequest{
		Filter: selected.GetFilter(), SampleType: selected.GetSampleTypes()[0],
		TraceId: selected.GetTraceId(), SpanId: selected.GetSpanId(), ProfileIds: selected.GetProfileIds(),
		IncidentId: selected.GetIncidentId(),
	}
	refine(request)
	response, err := call(ctx, a, c.observability.AnalyzeProfile, request)
	a.noteIncident(response)
	return response, request.GetSampleType(), err
}

func newProfileTopCommand(a *app) *cobra.Command {
	f := &profileFlags{}
	format := newChoice("table", "table", "json", "yaml")
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
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			if limit == 0 {
				return usageErrorf("--limit must be 1 or more")
			}
			response, name, err := a.analyzeProfile(ctx, c, f, func(request *tapiov1.AnalyzeProfileRequest) { request.Top, request.GroupBy = limit, by })
			if err != nil {
				return err
			}
			if by != "" && format.value == "table" {
				a.noteWarnings(response)
				a.printGroups(by, name, response)
				return nil
			}
			a.printFunctions(format.value, name, response)
			return nil
		}),
	}
	f.add(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", 20, "most functions to print or, with --by, most values")
	cmd.Flags().StringVar(&by, "by", "", "print the cost for each value of this label, for example thread.name, instance or version")
	addChoice(cmd, cmd.Flags(), &format, "output", "o", "output format")
	return cmd
}

func (a *app) printFunctions(format, sampleType string, response *tapiov1.AnalyzeProfileResponse) {
	a.noteWarnings(response)
	if format != "table" {
		a.printMessage(format, response)
		return
	}
	total, unit := response.GetTotalValue(), response.GetSampleUnit()
	share := func(value float64) string {
		if total == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f%%", 100*value/total)
	}
	costs := &table[*tapiov1.AnalyzeProfileResponse_FunctionCost]{
		what: "samples of " + sampleType, heading: []string{"SELF", "SELF%", "TOTAL", "TOTAL%", "FUNCTION", "FILE"},
		row: func(f *tapiov1.AnalyzeProfileResponse_FunctionCost) []cell {
			return []cell{
				{costText(f.GetSelfValue(), unit), plain},
				{share(f.GetSelfValue()), yellow},
				{costText(f.GetTotalValue(), unit), plain},
				{share(f.GetTotalValue()), plain},
				{f.GetFunction(), bold},
				{orDash(f.GetFile()), dim},
			}
		},
	}
	costs.print(a, format, response.GetFunctions())
	if len(response.GetBottlenecks()) > 0 {
		a.write("\n")
	}
	a.printBottlenecks(response)
}
