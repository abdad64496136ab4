//go:build linux && (amd64 || arm64)

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otelprofiler

import (
	"cmp"

	"go.opentelemetry.io/ebpf-profiler/libpf"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// framesOf converts a stack. What the profiler could not unwind is one truncated frame.
func framesOf(list libpf.Frames) []model.Frame {
	frames := make([]model.Frame, 0, len(list)+1)
	for _, handle := range list {
		from := handle.Value()
		frame := frameOf(&from)
		if frame.IsTruncated() && len(frames) > 0 && frames[len(frames)-1].IsTruncated() {
			continue
		}
		frames = append(frames, frame)
	}
	if len(frames) == 0 {
		frames = append(frames, model.Frame{Kind: model.FrameTruncated})
	}
	return frames
}

func frameOf(from *libpf.Frame) model.Frame {
	if from.Type.IsError() {
		return model.Frame{Kind: model.FrameTruncated}
	}
	f := model.Frame{
		Kind: from.Type.String(), Function: symbols.FunctionName(from.Type.String(), from.FunctionName.String()), File: from.SourceFile.String(),
		Line: int64(from.SourceLine),
	}
	if from.Mapping.Valid() {
		file := from.Mapping.Value().File.Value()
		f.Mapping, f.BuildID = file.FileName.String(), cmp.Or(file.GnuBuildID, file.GoBuildID)
	}
	if f.Function == "" {
		f.Address = uint64(from.AddressOrLineno)
	}
	return f
}

// ofProgram reports whether a stack has a frame that is not the kernel's.
func ofProgram(list libpf.Frames) bool {
	for _, handle := range list {
		if of := handle.Value().Type; of != libpf.KernelFrame && !of.IsError() {
			return true
		}
	}
	return false
}
