// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"context"
	"io"
	"os"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/input"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
)

// replayFile shows the records of a file as those of a server.
func replayFile(ctx context.Context, a *app.App, f *observeFlags, kind input.FileKind, printer render.Printer) error {
	begin := beginning{} // all of it
	if f.last > 0 || f.since != "" {
		var err error
		if begin, err = f.begin(&a.Out.Clock); err != nil {
			return err
		}
	}
	file, err := openInput(a, f.inputFile)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	return app.QuietOnInterrupt(ctx, printHistory(ctx, a, kind.Open(file, a.Out.Now), begin, printer))
}

func openInput(a *app.App, name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(a.In), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, exitcode.UsageErrorf("--input-file: %v", err)
	}
	return file, nil
}
