// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A file can be uploaded over each protocol that accepts one.
func TestProfileUploads(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	client := apiOf(t, c)
	path := cpuProfile(t)
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	tapioctl(t, c, "profile", "upload", "--service", "command", "--label", "service.version=1.2", path)
	tapioctl(t, c, "send", "profile", "--service", "command", path)
	code, answer := post(t, "http://"+c.HTTP+"/v1/profiles:upload?service=body&host.name=a", "application/octet-stream", file)
	require.Equal(t, http.StatusOK, code, "%s", answer)
	code, answer = post(t, "http://"+c.HTTP+"/ingest?name=pyroscope.cpu{region=eu}&format=pprof", "application/octet-stream", file)
	require.Equal(t, http.StatusOK, code, "%s", answer)
	folded := tapioctl(t, c, "profile", "get", "--service", "body", "--format", "folded")
	code, answer = post(t, "http://"+c.HTTP+"/ingest?name=folded.cpu", "text/plain", folded)
	require.Equal(t, http.StatusOK, code, "%s", answer)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("profile", "profile.pprof")
	require.NoError(t, err)
	_, err = part.Write(file)
	require.NoError(t, err)
	require.NoError(t, form.Close())
	code, answer = post(t, "http://"+c.HTTP+"/ingest?name=form.cpu", form.FormDataContentType(), body.Bytes())
	require.Equal(t, http.StatusOK, code, "%s", answer)
	for service, sampleType := range map[string]string{"command": "cpu", "body": "cpu", "pyroscope": "cpu", "form": "cpu", "folded": "samples"} {
		got, err := client.AnalyzeProfile(bounded(t), &tapiov1.AnalyzeProfileRequest{
			Filter: &tapiov1.Filter{Services: []string{service}}, SampleType: sampleType,
		})
		require.NoError(t, err)
		require.NotEmpty(t, got.Functions, service)
		require.Contains(t, got.Functions[0].Function, "burnCycles", service)
	}
	for request, want := range map[string]string{
		"/v1/profiles:upload":             "labels: must have service.name",
		"/v1/profiles:upload?service=bad": "data: is not a profile",
		"/ingest?name=bad&format=jfr":     "format: must be pprof or folded",
	} {
		code, answer := post(t, "http://"+c.HTTP+request, "application/octet-stream", []byte("no profile"))
		require.Equal(t, http.StatusBadRequest, code, "%s", answer)
		require.Contains(t, string(answer), want)
	}
	code, _ = post(t, "http://"+c.HTTP+"/v1/profiles:upload?service=body", "text/plain", file)
	require.Equal(t, http.StatusUnsupportedMediaType, code, "what any page can make a browser send")
}

// Without a receiver in a profiles pipeline an upload says what to add.
func TestProfileUploadNeedsAReceiver(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	_, err := client.UploadProfile(bounded(t), &tapiov1.UploadProfileRequest{
		Data: []byte("main;work 3"), Format: tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED, Labels: map[string]string{"service": "shop"},
	})
	require.Equal(t, codes.FailedPrecondition, status.Code(err))
	require.ErrorContains(t, err, "service::pipelines::profiles::receivers")
}

// A diff between two versions names the function that got slower, and its callers.
func TestProfileDiff(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	client := apiOf(t, c)
	for version, stacks := range map[string]string{"1.0": "main;serve;hash 10\nmain;serve;parse 90\n", "1.1": "main;serve;hash 60\nmain;serve;parse 90\n"} {
		_, err := client.UploadProfile(bounded(t), &tapiov1.UploadProfileRequest{
			Data: []byte(stacks), Format: tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED,
			Labels: map[string]string{"service": "shop", "service.version": version},
		})
		require.NoError(t, err)
	}
	lines := strings.Split(string(tapioctl(t, c, "profile", "diff", "--service", "shop", "-l", "service.version=1.1", "--baseline-selector", "service.version=1.0")), "\n")
	require.Regexp(t, `^\+50 +60 +10 +\+50 +hash`, lines[1])
	around := string(tapioctl(t, c, "profile", "function", "hash", "--service", "shop"))
	require.Regexp(t, `(?s)callers of hash\n.* 70 +hash\n.* 70 +serve\n.* 70 +main\ncallees of hash\n.* 70 +hash\n$`, around)
	_, err := client.AnalyzeProfile(bounded(t), &tapiov1.AnalyzeProfileRequest{
		SampleType: "samples", Order: tapiov1.ProfileOrder_PROFILE_ORDER_CHANGE,
	})
	require.ErrorContains(t, err, "order: by change needs a baseline")
}

// The collector profiles a program by its net/http/pprof endpoints: itself.
func TestProfileScrape(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	config := strings.Replace(withProfiles, "  tapio: {extension: tapio}\n", "  tapio:\n    extension: tapio\n    scrape:\n      interval: 2s\n      cpu_duration: 1s\n"+
		"      targets: [{endpoint: http://"+address+"/debug/pprof, service: scraped, profiles: [cpu, heap, allocs, goroutine]}]\n", 1)
	config = strings.Replace(config, "extensions:\n", "extensions:\n  pprof: {endpoint: "+address+"}\n", 1)
	config = strings.Replace(config, "extensions: [tapio]", "extensions: [tapio, pprof]", 1)
	client := apiOf(t, Start(t, config))
	wanted := []string{"alloc_objects", "alloc_space", "cpu", "goroutine", "inuse_objects", "inuse_space"}
	eventually(t, startLimit, func() bool {
		got, err := client.GetProfiles(bounded(t), &tapiov1.GetProfilesRequest{Filter: &tapiov1.Filter{Services: []string{"scraped"}}})
		require.NoError(t, err)
		types := map[string]bool{}
		for _, p := range got.Profiles {
			types[p.SampleType] = true
		}
		return slices.Equal(wanted, slices.Sorted(maps.Keys(types)))
	}, "profiles of all types")
}

// An upload over HTTP needs the right to write; a writer learns here what is missing.
func TestProfileUploadRights(t *testing.T) {
	t.Parallel()
	c := Start(t, guarded)
	for _, path := range []string{"/v1/profiles:upload?service=shop&format=folded", "/ingest?name=shop.cpu"} {
		for user, want := range map[string]int{"reader": http.StatusForbidden, "writer": http.StatusBadRequest, "": http.StatusUnauthorized} {
			request, err := http.NewRequestWithContext(bounded(t), http.MethodPost, "http://"+c.HTTP+path, strings.NewReader("main;work 3\n"))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/octet-stream")
			if user != "" {
				request.Header.Set("Authorization", password{user, "secret"}.header())
			}
			code, body := do(t, request)
			require.Equal(t, want, code, "%s as %q: %s", path, user, body)
			if user == "writer" {
				require.Contains(t, string(body), "service::pipelines::profiles::receivers")
			}
		}
	}
}

// A live list follows what is stored: a window has the functions of the latest profiles, and
// a slow reader delays no writer.
func TestStreamProfiles(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	client := apiOf(t, c)
	upload := func(stacks string, at time.Time) {
		t.Helper()
		_, err := client.UploadProfile(bounded(t), &tapiov1.UploadProfileRequest{
			Data: []byte(stacks), Format: tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED, SampleType: "cpu", SampleUnit: "count",
			StartTime: timestamppb.New(at), Labels: map[string]string{"service": "shop"},
		})
		require.NoError(t, err)
	}
	upload("main;old 70\n", time.Now().Add(-10*time.Minute))
	upload("main;first 30\n", time.Now())
	request := &tapiov1.StreamProfilesRequest{
		Filter: &tapiov1.Filter{Services: []string{"shop"}}, SampleType: "cpu", Interval: durationpb.New(time.Second), Window: durationpb.New(2 * time.Minute),
	}
	stream, err := client.StreamProfiles(bounded(t), request)
	require.NoError(t, err)
	slow, err := client.StreamProfiles(bounded(t), request)
	require.NoError(t, err)
	window, err := stream.Recv()
	require.NoError(t, err)
	require.Equal(t, "first", window.Analysis.Functions[0].Function)
	require.EqualValues(t, 30, window.Analysis.TotalValue)
	require.Equal(t, 2*time.Minute, window.Window.End.AsTime().Sub(window.Window.Start.AsTime()))
	upload("main;second 90\n", time.Now())
	for window.Analysis.TotalValue != 120 {
		window, err = stream.Recv()
		require.NoError(t, err)
	}
	require.Equal(t, "second", window.Analysis.Functions[0].Function)
	_, err = slow.Recv()
	require.NoError(t, err)
	top := string(tapioctl(t, c, "observe", "profiles", "--service", "shop", "--window", "2m"))
	require.Regexp(t, `cpu 120 in 2m0s, 2 profiles\nSELF .*\n90 +75.0%`, top)
	past := string(tapioctl(t, c, "observe", "profiles", "--service", "shop", "--window", "6m", "--last", "2"))
	require.Regexp(t, `(?s)cpu 70 in 6m0s, 1 profile\n.* old .*cpu 120 in 6m0s, 2 profiles\n`, past)

	for field, broken := range map[string]*tapiov1.StreamProfilesRequest{
		"interval: must be 1s to 10m0s, is 1ms": {SampleType: "cpu", Interval: durationpb.New(time.Millisecond)},
		"window: must be 1s to 24h0m0s, is 48h": {SampleType: "cpu", Window: durationpb.New(48 * time.Hour)},
		"sample_type":                           {},
		"filter.time_range: must be unset": {
			SampleType: "cpu", Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{Start: timestamppb.Now()}},
		},
		"order: by change needs a baseline": {SampleType: "cpu", Order: tapiov1.ProfileOrder_PROFILE_ORDER_CHANGE},
	} {
		stream, err := client.StreamProfiles(bounded(t), broken)
		require.NoError(t, err)
		_, err = stream.Recv()
		require.Equal(t, codes.InvalidArgument, status.Code(err), field)
		require.ErrorContains(t, err, field)
	}
}
