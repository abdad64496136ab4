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
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// profileUploadFlags are those of profile upload.
type profileUploadFlags struct {
	format   selector.Choice
	service  string
	labels   []string
	kind     string
	unit     string
	at       string
	duration string
}

// NewUploadCommand makes the command under one of its names.
func NewUploadCommand(a *app.App, use, path string) *cobra.Command {
	f := &profileUploadFlags{format: selector.NewChoice("pprof", "pprof", "folded")}
	cmd := &cobra.Command{
		Use:   use,
		Short: "Store profiles from files in pprof's format, or folded stacks",
		Example: `  ` + path + ` --service checkout cpu.pb.gz heap.pb.gz
  curl -s localhost:6060/debug/pprof/heap | ` + path + ` --service checkout -
  perf script | stackcollapse-perf.pl | ` + path + ` --service checkout --format folded -`,
		Args: cobra.MinimumNArgs(1),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			request, err := f.request(a)
			if err != nil {
				return err
			}
			for _, name := range args {
				if err := uploadProfile(ctx, a, c, request, name); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	flags := cmd.Flags()
	selector.AddChoice(cmd, flags, &f.format, "format", "", "format of the files")
	flags.StringVar(&f.service, "service", "", "service.name of what was profiled (required)")
	flags.StringArrayVar(&f.labels, "label", nil, "further attribute of what was profiled, as key=value; repeatable")
	flags.StringVar(&f.kind, "type", "", "of folded stacks: sample type (default samples)")
	flags.StringVar(&f.unit, "unit", "", "of folded stacks: unit of the values (default count)")
	flags.StringVar(&f.at, "at", "", "when the profile began, "+selector.TimeForms+" (default: that of the file)")
	flags.StringVar(&f.duration, "duration", "", "how long it ran, for example 30s (default: that of the file)")
	return cmd
}

func (f *profileUploadFlags) request(a *app.App) (*tapiov1.UploadProfileRequest, error) {
	if f.service == "" {
		return nil, exitcode.UsageErrorf("missing flag: --service, the service that was profiled")
	}
	request := &tapiov1.UploadProfileRequest{
		Format: tapiov1.ProfileFormat_PROFILE_FORMAT_PPROF, SampleType: f.kind, SampleUnit: f.unit,
		Labels: map[string]string{semconv.ServiceName: f.service},
	}
	if f.format.Value == "folded" {
		request.Format = tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED
	}
	for _, text := range f.labels {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" {
			return nil, exitcode.UsageErrorf("invalid --label %q: write key=value", text)
		}
		request.Labels[key] = value
	}
	var err error
	if request.StartTime, err = selector.ParseMoment(&a.Out.Clock, "--at", f.at); err != nil {
		return nil, err
	}
	if f.duration != "" {
		d, err := selector.ParseAge(f.duration)
		if err != nil {
			return nil, exitcode.UsageErrorf("invalid --duration %q: write for example 30s", f.duration)
		}
		request.Duration = durationpb.New(d)
	}
	return request, nil
}

// uploadProfile stores one file; - is the standard input.
func uploadProfile(ctx context.Context, a *app.App, c app.Clients, request *tapiov1.UploadProfileRequest, name string) error {
	var data []byte
	var err error
	if name == "-" {
		data, err = io.ReadAll(a.In)
	} else {
		data, err = os.ReadFile(name)
	}
	if err != nil {
		return fmt.Errorf("read the profile: %w", err)
	}
	if request.Data, err = packed(data); err != nil {
		return err
	}
	response, err := app.Call(ctx, a, c.Observability.UploadProfile, request)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	a.Out.WriteForeign(fmt.Sprintf("%s: %s stored with %s\n", name, render.Plural(response.GetProfileCount(), "profile"), render.Plural(response.GetSampleCount(), "sample")))
	return nil
}

// packed compresses data that is not, so that more of it fits a message.
func packed(data []byte) ([]byte, error) {
	if len(data) == 0 || bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	var buffer bytes.Buffer
	w := gzip.NewWriter(&buffer)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}
