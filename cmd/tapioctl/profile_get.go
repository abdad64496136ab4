// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// profileGetFlags are those of profile get.
type profileGetFlags struct {
	profileFlags
	format choice
	file   string
}

func newProfileGetCommand(a *app) *cobra.Command {
	f := &profileGetFlags{format: newChoice("pprof", "pprof", "otlp", "folded", "speedscope")}
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Write the sum of the selected samples as one profile",
		Example: `  tapioctl profile get --service checkout --since 15m --file cpu.pb.gz && go tool pprof -top cpu.pb.gz
  tapioctl profile get --service checkout --format folded | flamegraph.pl > cpu.svg`,
		Args: cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error { return a.getProfile(ctx, c, f) }),
	}
	f.add(cmd)
	addChoice(cmd, cmd.Flags(), &f.format, "format", "", "format of the profile")
	cmd.Flags().StringVar(&f.file, "file", "", "file to write (default stdout)")
	return cmd
}

func (a *app) getProfile(ctx context.Context, c clients, f *profileGetFlags) error {
	binary := f.format.value == "pprof" || f.format.value == "otlp"
	if binary && f.file == "" && a.out.terminal {
		return usageErrorf("--format %s is binary and would garble the terminal: give --file, or redirect it to a file", f.format.value)
	}
	request, err := f.request(a)
	if err != nil {
		return err
	}
	if err := a.chooseType(ctx, c, request); err != nil {
		return err
	}
	request.Format = tapiov1.ProfileFormat(tapiov1.ProfileFormat_value["PROFILE_FORMAT_"+strings.ToUpper(f.format.value)])
	response, err := call(ctx, a, c.observability.GetProfiles, request)
	if err != nil {
		return err
	}
	data := response.GetMerged().GetData()
	if len(data) == 0 {
		a.note("no samples of %s found, nothing is written", request.GetSampleTypes()[0])
		return nil
	}
	a.noteQuality(response.GetMerged().GetSummary())
	if f.format.value != "pprof" { // whose readers expect it compressed
		if data, err = unpacked(data); err != nil {
			return err
		}
	}
	if f.file != "" {
		return os.WriteFile(f.file, data, 0o600)
	}
	if _, err := a.out.Write(data); err != nil {
		return writeError(err)
	}
	return nil
}

func unpacked(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the profile that the server sent is damaged: %w", err)
	}
	data, err = io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("the profile that the server sent is damaged: %w", err)
	}
	return data, nil
}
