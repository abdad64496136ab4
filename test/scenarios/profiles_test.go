// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"cmp"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// profiledFile names the file that the program under profile writes, and profiledRelease
// which release of it runs.
const (
	profiledFile    = "TAPIO_SCENARIO_PROFILE"
	profiledRelease = "TAPIO_SCENARIO_RELEASE"
)

// The program under profile: this test binary, run again by profileOf. Its release 1.1
// spends most of its time in a function that takes little in 1.0.
func TestPaymentUnderProfile(t *testing.T) {
	path := os.Getenv(profiledFile)
	if path == "" {
		t.Skip("runs as the subject of another test only")
	}
	file, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, pprof.StartCPUProfile(file))
	discounts := 1
	if os.Getenv(profiledRelease) == "1.1" {
		discounts = 20
	}
	sum := 0
	for userTime(t) < 600*time.Millisecond {
		sum += chargeCard(1 << 20)
		for range discounts {
			sum += applyDiscounts(1 << 18)
		}
	}
	runtime.KeepAlive(sum)
	pprof.StopCPUProfile()
	require.NoError(t, file.Close())
}

//go:noinline
func chargeCard(n int) (sum int) {
	for i := range n {
		sum = sum*31 + i
	}
	return sum
}

//go:noinline
func applyDiscounts(n int) (sum int) {
	for i := range n {
		sum = sum*33 ^ i
	}
	return sum
}

func userTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano())
}

func profileOf(ctx context.Context, t *testing.T, release string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cpu.pb.gz")
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestPaymentUnderProfile$")
	cmd.Env = append(os.Environ(), profiledFile+"="+path, profiledRelease+"="+release)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return data
}

// withProfiles is config with a profiles pipeline and uploads.
func withProfiles() string {
	text := strings.Replace(config, "receivers:\n", "receivers:\n  tapio: {extension: tapio}\n", 1)
	return text + "    profiles: {receivers: [tapio], processors: [semantic_correlation], exporters: [tapio]}\n"
}

// A release makes a Go program slow. The incident names the function that its CPU profiles
// show, with what was compared as evidence.
func TestTheCauseNamesTheSlowFunction(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), withProfiles())
	require.NoError(t, err)
	defer c.Stop()
	const every = 10 * time.Second
	profiles := map[string][]byte{"1.0": profileOf(ctx, t, "1.0"), "1.1": profileOf(ctx, t, "1.1")}
	api, observability := tapiov1.NewTapioServiceClient(c.API), tapiov1.NewObservabilityServiceClient(c.API)
	begin := time.Now().Add(-healthy - broken - time.Minute).Truncate(time.Second)
	s := newShop()
	release := "1.0"
	for second := time.Duration(0); second < healthy+broken; second += time.Second {
		if second == healthy {
			release, s.paymentTakes = "1.1", 800*time.Millisecond
		}
		send(ctx, t, c, s, begin.Add(second))
		if second%every == 0 {
			_, err := observability.UploadProfile(ctx, &tapiov1.UploadProfileRequest{
				Format: tapiov1.ProfileFormat_PROFILE_FORMAT_PPROF, Data: profiles[release],
				StartTime: timestamppb.New(begin.Add(second)), Duration: durationpb.New(every),
				Labels: map[string]string{"service.name": "payment", "service.version": release},
			})
			require.NoError(t, err)
		}
	}
	letTimePass(ctx, t, c, begin.Add(healthy+broken+30*time.Second))
	groups, _ := reported(ctx, t, api)
	require.Len(t, groups, 1, "one fault is one incident: %v", groups)
	cause := groups[0].GetRootCause()
	factor := cause.GetCausalFactors()[0]
	require.Equal(t, "payment", factor.GetEntity().GetName())
	require.Contains(t, cause.GetSummary(), "scenarios.applyDiscounts takes ")
	require.Contains(t, cause.GetSummary(), " of the CPU time of payment (baseline ")
	require.Equal(t, tapiov1.Entity_KIND_CODE, factor.GetWithin()[0].GetKind())
	require.Contains(t, factor.GetWithin()[0].GetName(), "scenarios.applyDiscounts (")
	proof := cause.GetEvidence()[len(cause.GetEvidence())-1]
	require.Equal(t, tapiov1.EvidenceRef_KIND_PROFILE, proof.GetKind())
	require.Equal(t, `cpu{service.name="payment"}`, proof.GetId())
	require.Regexp(t, `takes \d+% .*baseline \d+%; \d+ samples in .*, \d+ in the .* before`, proof.GetDescription())
	require.Contains(t, strings.Join(groups[0].GetActions()[0].GetCommands(), "\n"), "tapioctl profile diff --service payment --type cpu --since ")

	// By its id the incident selects the profiles of its cause, compared with those before it.
	diff, err := observability.AnalyzeProfile(ctx, &tapiov1.AnalyzeProfileRequest{
		SampleType: "cpu", IncidentId: groups[0].GetId(), Order: tapiov1.ProfileOrder_PROFILE_ORDER_CHANGE,
	})
	require.NoError(t, err)
	require.Equal(t, []string{"payment"}, diff.GetIncidentFilter().GetServices())
	grown := slices.MaxFunc(diff.GetFunctions(), func(a, b *tapiov1.AnalyzeProfileResponse_FunctionCost) int { // what shrank most may come first
		return cmp.Compare(a.GetSelfDelta(), b.GetSelfDelta())
	})
	require.Contains(t, grown.GetFunction(), "applyDiscounts")
	require.Positive(t, grown.GetSelfDelta())
	require.NotZero(t, diff.GetBaselineSummary().GetSampleCount())
	require.Equal(t, diff.GetIncidentFilter().GetTimeRange().GetStart().AsTime(), diff.GetIncidentBaseline().GetEnd().AsTime())
	listed, err := observability.GetProfiles(ctx, &tapiov1.GetProfilesRequest{IncidentId: groups[0].GetId()})
	require.NoError(t, err)
	require.NotEmpty(t, listed.GetProfiles())
}
