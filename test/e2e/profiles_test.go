// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/pdata/pprofile/pprofileotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// withProfiles is standard with a profiles pipeline.
const withProfiles = standard + `    profiles: {receivers: [otlp, tapio], exporters: [tapio]}
`

// profileFile names the file that the program under profile writes.
const profileFile = "TAPIO_E2E_PROFILE"

// The program under profile: this test binary, run again by cpuProfile.
func TestBurnUnderProfile(t *testing.T) {
	path := os.Getenv(profileFile)
	if path == "" {
		t.Skip("runs as the subject of other tests only")
	}
	file, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, pprof.StartCPUProfile(file))
	sum := 0
	for cpuTime(t) < 500*time.Millisecond {
		sum += burnCycles(1 << 22)
	}
	runtime.KeepAlive(sum)
	pprof.StopCPUProfile()
	require.NoError(t, file.Close())
}

//go:noinline
func burnCycles(n int) (sum int) {
	for i := range n {
		sum = sum*31 + i
	}
	return sum
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano())
}

// cpuProfile is the pprof file of a Go program that spends its time in burnCycles.
func cpuProfile(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "cpu.pb.gz")
	cmd := exec.CommandContext(bounded(t), os.Args[0], "-test.run=^TestBurnUnderProfile$")
	cmd.Env = append(os.Environ(), profileFile+"="+path)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// otlpOf translates a pprof file as an SDK would, one OTLP profile for each sample type.
func otlpOf(t *testing.T, path, service string) pprofile.Profiles {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	from, err := profile.Parse(file)
	require.NoError(t, err)
	out := pprofile.NewProfiles()
	dictionary := out.Dictionary()
	texts := map[string]int32{}
	text := func(s string) int32 {
		i, known := texts[s]
		if !known {
			i = int32(dictionary.StringTable().Len())
			texts[s] = i
			dictionary.StringTable().Append(s)
		}
		return i
	}
	text("")
	dictionary.MappingTable().AppendEmpty()
	dictionary.LinkTable().AppendEmpty()
	dictionary.AttributeTable().AppendEmpty()
	dictionary.FunctionTable().AppendEmpty()
	dictionary.LocationTable().AppendEmpty()
	dictionary.StackTable().AppendEmpty()
	for _, f := range from.Function {
		to := dictionary.FunctionTable().AppendEmpty()
		to.SetNameStrindex(text(f.Name))
		to.SetFilenameStrindex(text(f.Filename))
	}
	for _, l := range from.Location {
		to := dictionary.LocationTable().AppendEmpty()
		to.SetAddress(l.Address)
		for _, line := range l.Line {
			at := to.Lines().AppendEmpty()
			at.SetFunctionIndex(int32(line.Function.ID))
			at.SetLine(line.Line)
		}
	}
	for _, s := range from.Sample {
		stack := dictionary.StackTable().AppendEmpty()
		for _, l := range s.Location {
			stack.LocationIndices().Append(int32(l.ID))
		}
	}
	ofResource := out.ResourceProfiles().AppendEmpty()
	ofResource.Resource().Attributes().PutStr("service.name", service)
	ofScope := ofResource.ScopeProfiles().AppendEmpty()
	for i, kind := range from.SampleType {
		to := ofScope.Profiles().AppendEmpty()
		to.SampleType().SetTypeStrindex(text(kind.Type))
		to.SampleType().SetUnitStrindex(text(kind.Unit))
		to.SetTime(pcommon.Timestamp(from.TimeNanos))
		to.SetDurationNano(uint64(from.DurationNanos))
		for j, s := range from.Sample {
			sample := to.Samples().AppendEmpty()
			sample.SetStackIndex(int32(j + 1))
			sample.Values().Append(s.Value[i])
		}
	}
	return out
}

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (rawCodec) Unmarshal([]byte, any) error   { return nil }
func (rawCodec) Name() string                  { return "proto" }

var _ encoding.Codec = rawCodec{}

// exportProfiles sends an encoded request over gRPC. Encoded by pprofile's marshaler, the
// texts of its attributes are references into the dictionary, as real producers send.
func exportProfiles(t *testing.T, c *Collector, request []byte) error {
	t.Helper()
	conn := dial(t, c.OTLPGRPC, insecure.NewCredentials())
	return conn.Invoke(bounded(t), "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
		request, new([]byte), grpc.ForceCodec(rawCodec{}))
}

// A profile that a program sends names the function that burns, in the API, in tapioctl,
// and in the pprof file that tapioctl writes.
func TestProfiles(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	path := cpuProfile(t)
	request, err := (&pprofile.ProtoMarshaler{}).MarshalProfiles(otlpOf(t, path, "burner"))
	require.NoError(t, err)
	require.NoError(t, exportProfiles(t, c, request))
	plain, err := pprofileotlp.NewExportRequestFromProfiles(otlpOf(t, path, "other")).MarshalProto()
	require.NoError(t, err)
	code, answer := post(t, "http://"+c.OTLPHTTP+"/v1development/profiles", "application/x-protobuf", plain)
	require.Equal(t, http.StatusOK, code, "%s", answer)

	client := apiOf(t, c)
	burner := &tapiov1.Filter{Services: []string{"burner"}}
	t.Run("list", func(t *testing.T) {
		list, err := client.GetProfiles(bounded(t), &tapiov1.GetProfilesRequest{Filter: burner})
		require.NoError(t, err)
		require.Len(t, list.Profiles, 2, "samples and cpu")
		all, err := client.GetProfiles(bounded(t), &tapiov1.GetProfilesRequest{SampleTypes: []string{"cpu"}})
		require.NoError(t, err)
		require.Len(t, all.Profiles, 2, "of both services")
	})
	t.Run("analyze", func(t *testing.T) {
		var got tapiov1.AnalyzeProfileResponse
		query(t, c, "/v1/profiles:analyze", `{"filter": {"services": ["burner"]}, "sampleType": "cpu", "maxNodes": 100}`, &got)
		require.Contains(t, got.Functions[0].Function, "burnCycles")
		require.Greater(t, got.Functions[0].SelfValue, got.TotalValue/2)
		require.Equal(t, "nanoseconds", got.SampleUnit)
		require.Equal(t, got.TotalValue, got.CallTree[0].TotalValue)
		require.Zero(t, got.Summary.TruncatedShare)
	})
	t.Run("tapioctl", func(t *testing.T) {
		top := strings.Split(string(tapioctl(t, c, "profile", "top", "--service", "burner")), "\n")
		require.Contains(t, top[1], "burnCycles")
		require.Contains(t, string(tapioctl(t, c, "profile", "flame", "--service", "burner")), "burnCycles")
		require.Contains(t, string(tapioctl(t, c, "profile", "list")), "burner")
	})
	t.Run("formats", func(t *testing.T) { checkProfileFormats(t, c, client, burner) })
	t.Run("faults", func(t *testing.T) {
		_, err := client.AnalyzeProfile(bounded(t), &tapiov1.AnalyzeProfileRequest{})
		require.Equal(t, codes.InvalidArgument, status.Code(err))
		require.ErrorContains(t, err, "sample_type")
		broken := otlpOf(t, path, "broken")
		broken.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().At(0).Samples().At(0).SetStackIndex(1 << 30)
		request, err := (&pprofile.ProtoMarshaler{}).MarshalProfiles(broken)
		require.NoError(t, err)
		require.ErrorContains(t, exportProfiles(t, c, request), "invalid_reference: 1")
		for _, s := range storeOf(t, client) {
			if s.Signal == "profiles" {
				require.EqualValues(t, 1, s.RefusedCounts["invalid_reference"])
				require.NotZero(t, s.RecordCount)
			}
		}
	})
}

func checkProfileFormats(t *testing.T, c *Collector, client api, filter *tapiov1.Filter) {
	file := filepath.Join(t.TempDir(), "out.pb.gz")
	tapioctl(t, c, "profile", "get", "--service", "burner", "--file", file)
	report, err := exec.CommandContext(bounded(t), "go", "tool", "pprof", "-top", file).CombinedOutput()
	require.NoError(t, err, "%s", report)
	require.Regexp(t, regexp.MustCompile(`(?m)^\s+[\d.]+m?s\s+[\d.]+%.*burnCycles$`), string(report))
	folded := string(tapioctl(t, c, "profile", "get", "--service", "burner", "--format", "folded"))
	require.Regexp(t, `;\S*burnCycles \d+\n`, folded)
	require.Contains(t, string(tapioctl(t, c, "profile", "get", "--service", "burner", "--format", "speedscope")), "speedscope.app")

	answer, err := client.GetProfiles(bounded(t), &tapiov1.GetProfilesRequest{
		Filter: filter, SampleTypes: []string{"cpu"}, Format: tapiov1.ProfileFormat_PROFILE_FORMAT_OTLP,
	})
	require.NoError(t, err)
	r, err := gzip.NewReader(bytes.NewReader(answer.Merged.Data))
	require.NoError(t, err)
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	back, err := (&pprofile.ProtoUnmarshaler{}).UnmarshalProfiles(data)
	require.NoError(t, err)
	var sum int64
	for _, sample := range back.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().At(0).Samples().All() {
		sum += sample.Values().At(0)
	}
	require.InDelta(t, answer.Merged.Summary.TotalValue, sum, 0)
}
