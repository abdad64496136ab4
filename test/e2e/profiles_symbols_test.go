// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// addressesOnly is a pprof file of a program that was mapped at another place than it was
// linked for, and whose profiler knew no functions: 9 samples of burnCycles, one elsewhere.
func addressesOnly(t *testing.T, buildID string) []byte {
	t.Helper()
	file, err := elf.Open(os.Args[0])
	require.NoError(t, err)
	defer file.Close()
	address := uint64(reflect.ValueOf(burnCycles).Pointer()) + 8 // it is where the program was linked for
	var text *elf.Prog
	for _, p := range file.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 {
			text = p
		}
	}
	const start = 0x7f0000000000
	mapping := &profile.Mapping{ID: 1, Start: start, Limit: start + text.Filesz, Offset: text.Off, File: "/usr/bin/burner", BuildID: buildID}
	at := func(id, address uint64) *profile.Location {
		return &profile.Location{ID: id, Mapping: mapping, Address: address}
	}
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}}, TimeNanos: time.Now().UnixNano(), DurationNanos: 1e9,
		Mapping: []*profile.Mapping{mapping}, Location: []*profile.Location{at(1, start+address-text.Vaddr), at(2, start+text.Filesz-1)},
	}
	p.Sample = []*profile.Sample{{Location: p.Location[:1], Value: []int64{9e9}}, {Location: p.Location[1:], Value: []int64{1e9}}}
	var data bytes.Buffer
	require.NoError(t, p.Write(&data))
	return data.Bytes()
}

// Functions that are uploaded later name the frames of profiles that were stored before, also
// after a restart.
func TestSymbolsUpload(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	config := strings.Replace(withProfiles, "store: {", "store: {profiles: {symbols_limit: 16MiB}, directory: "+directory+", ", 1)
	require.NotEqual(t, withProfiles, config)
	c := Start(t, config)
	_, err := apiOf(t, c).UploadProfile(bounded(t), &tapiov1.UploadProfileRequest{
		Data: addressesOnly(t, buildIDOf(t, os.Args[0])), Labels: map[string]string{"service": "burner"},
	})
	require.NoError(t, err)
	analyze := func() *tapiov1.AnalyzeProfileResponse {
		got, err := apiOf(t, c).AnalyzeProfile(bounded(t), &tapiov1.AnalyzeProfileRequest{SampleType: "cpu"})
		require.NoError(t, err)
		return got
	}
	before := analyze()
	require.InDelta(t, 1, before.GetSummary().GetUnsymbolizedShare(), 0)
	require.Equal(t, "burner [unsymbolized]", before.GetFunctions()[0].GetFunction())
	require.Equal(t, buildIDOf(t, os.Args[0]), before.GetUnsymbolized()[0].GetBuildId())

	require.Regexp(t, `: [0-9,]+ functions stored, build ID `, string(tapioctl(t, c, "profile", "symbols", "upload", os.Args[0])))
	require.Contains(t, string(tapioctl(t, c, "profile", "symbols", "list")), filepath.Base(os.Args[0]))
	awaitOutput(t, c, "tapio.profile.symbols.uploaded", "get", "events", "--event-name", "tapio.profile.symbols.uploaded", "-o", "json")
	for range 2 {
		after := analyze()
		require.Contains(t, after.GetFunctions()[0].GetFunction(), "burnCycles")
		require.Contains(t, after.GetFunctions()[0].GetFile(), "profiles_test.go")
		require.Less(t, after.GetSummary().GetUnsymbolizedShare(), before.GetSummary().GetUnsymbolizedShare())
		c.Stop()
		c = Start(t, config)
	}

	for problem, body := range map[string]string{
		"build_id: must have 1 to 256 bytes":           `{}`,
		"functions: must be 1 to 100000, are 0":        `{"buildId": "aa"}`,
		"functions[0].name: must have 1 to 4096 bytes": `{"buildId": "aa", "functions": [{"address": 1}]}`,
		"more: adds functions to the table of build":   `{"buildId": "aa", "functions": [{"address": 1, "name": "f"}], "more": true}`,
	} {
		code, answer := post(t, "http://"+c.HTTP+"/v1/profiles/symbols:upload", "application/json", []byte(body))
		require.Equal(t, http.StatusBadRequest, code, "%s", answer)
		require.Contains(t, string(answer), problem)
	}
}

func buildIDOf(t *testing.T, path string) string {
	t.Helper()
	file, err := elf.Open(path)
	require.NoError(t, err)
	defer file.Close()
	note := file.Section(".note.gnu.build-id")
	require.NotNil(t, note)
	data, err := note.Data()
	require.NoError(t, err)
	return hex.EncodeToString(data[16:])
}

// Symbols need the right to write.
func TestSymbolsUploadRights(t *testing.T) {
	t.Parallel()
	c := Start(t, guarded)
	for user, want := range map[string]int{"reader": http.StatusForbidden, "writer": http.StatusOK, "": http.StatusUnauthorized} {
		request, err := http.NewRequestWithContext(bounded(t), http.MethodPost, "http://"+c.HTTP+"/v1/profiles/symbols:upload",
			strings.NewReader(`{"buildId": "aa", "functions": [{"address": 1, "name": "f"}]}`))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/json")
		if user != "" {
			request.Header.Set("Authorization", password{user, "secret"}.header())
		}
		code, body := do(t, request)
		require.Equal(t, want, code, "%q: %s", user, body)
	}
}
