// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// profileGetFlags are those of profile get.
type profileGetFlags struct {
	profileFlags
	format selector.Choice
	file   string
}

func newProfileGetCommand(a *app.App) *cobra.Command {
	f := &profileGetFlags{format: selector.NewChoice("pprof", "pprof", "otlp", "folded", "speedscope")}
	cmd := &cobra.Command{
		Use:   "get",
		Short: "Write the sum of the selected samples as one profile",
		Example: `  tapioctl profile get --service checkout --since 15m --file cpu.pb.gz && go tool pprof -top cpu.pb.gz
  tapioctl profile get --service checkout --format folded | flamegraph.pl > cpu.svg`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return getProfile(ctx, a, c, f) }),
	}
	f.add(cmd)
	selector.AddChoice(cmd, cmd.Flags(), &f.format, "format", "", "format of the profile")
	cmd.Flags().StringVar(&f.file, "file", "", "file to write (default stdout)")
	return cmd
}

func getProfile(ctx context.Context, a *app.App, c app.Clients, f *profileGetFlags) error {
	binary := f.format.Value == "pprof" || f.format.Value == "otlp"
	if binary && f.file == "" && a.Out.Terminal {
		return exitcode.UsageErrorf("--format %s is binary and would garble the terminal: give --file, or redirect it to a file", f.format.Value)
	}
	request, err := f.request(a)
	if err != nil {
		return err
	}
	if err := chooseType(ctx, a, c, request); err != nil {
		return err
	}
	request.Format = tapiov1.ProfileFormat(tapiov1.ProfileFormat_value["PROFILE_FORMAT_"+strings.ToUpper(f.format.Value)])
	response, err := app.Call(ctx, a, c.Observability.GetProfiles, request)
	if err != nil {
		return err
	}
	data := response.GetMerged().GetData()
	if len(data) == 0 {
		a.Out.Note("no samples of %s found, nothing is written", request.GetSampleTypes()[0])
		return nil
	}
	noteQuality(a.Out, response.GetMerged().GetSummary())
	if f.format.Value != "pprof" { // whose readers expect it compressed
		if data, err = unpacked(data); err != nil {
			return err
		}
	}
	if f.file != "" {
		return os.WriteFile(f.file, data, 0o600)
	}
	if _, err := a.Out.Write(data); err != nil {
		return exitcode.WriteError(err)
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
