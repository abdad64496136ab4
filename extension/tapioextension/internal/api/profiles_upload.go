// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/pprof"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxUnpackedProfile bounds an uploaded profile.
const maxUnpackedProfile = 32 << 20

// profilePath is the way of uploaded profiles into the pipeline.
type profilePath struct {
	mu       sync.RWMutex // held for reading during a write, so that detach waits
	sink     model.ProfileSink
	attached string // the receiver's id; stays when it detaches
}

// AttachProfiles makes sink the way into the pipeline until detach is called.
func (s *Server) AttachProfiles(receiver string, sink model.ProfileSink) (detach func(), err error) {
	p := &s.uploads
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sink != nil {
		return nil, fmt.Errorf("takes its profiles through the receiver %q already: remove %q, or give it an extension of its own",
			p.attached, receiver)
	}
	p.sink, p.attached = sink, receiver
	return sync.OnceFunc(p.detach), nil
}

func (p *profilePath) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink = nil
}

// write passes profiles into the pipeline.
func (p *profilePath) write(ctx context.Context, profiles []model.Profile, serving bool) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	switch {
	case p.sink != nil:
	case p.attached == "" && serving:
		return status.Error(codes.FailedPrecondition, "no tapio receiver feeds a profiles pipeline: add `receivers: {tapio: {extension: tapio}}` "+
			"to the configuration and `tapio` to service::pipelines::profiles::receivers")
	default:
		return errShuttingDown
	}
	if err := p.sink.WriteProfiles(ctx, profiles); err != nil {
		return pipelineStatus(err)
	}
	return nil
}

// UploadProfile implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) UploadProfile(
	ctx context.Context, req *tapiov1.UploadProfileRequest,
) (*tapiov1.UploadProfileResponse, error) {
	upload, err := protoconv.ProfileUpload(req)
	if err != nil {
		return nil, err
	}
	data, leave, err := s.unpackProfile(ctx, req.GetData(), upload.Folded)
	if err != nil {
		return nil, err
	}
	defer leave()
	profiles, err := decodeProfile(data, upload)
	if err != nil {
		return nil, err
	}
	if err := s.uploads.write(ctx, profiles, s.calls.serving.Load()); err != nil {
		return nil, err
	}
	response := &tapiov1.UploadProfileResponse{}
	for i := range profiles {
		response.ProfileCount++
		response.SampleCount += uint64(len(profiles[i].Samples))
	}
	return response, nil
}

// unpackProfile unpacks a file, one at a time, and holds the memory that decoding it takes.
func (s *Server) unpackProfile(ctx context.Context, data []byte, folded bool) (unpacked []byte, leave func(), err error) {
	select {
	case s.unpacking <- struct{}{}:
		defer func() { <-s.unpacking }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if data, err = pprof.Unpack(data, maxUnpackedProfile); err != nil {
		return nil, nil, err
	}
	if folded {
		leave, err = s.Intake.Folded(ctx, data)
	} else {
		leave, err = s.Intake.Pprof(ctx, data)
	}
	return data, leave, err
}

// decodeProfile reads a file and describes its profiles as the upload says.
func decodeProfile(data []byte, upload *protoconv.Upload) (profiles []model.Profile, err error) {
	if upload.Folded {
		folded, err := pprof.DecodeFolded(data, upload.Type, 1)
		if err != nil {
			return nil, err
		}
		profiles = []model.Profile{*folded}
	} else if profiles, err = pprof.Decode(data); err != nil {
		return nil, err
	}
	for i := range profiles {
		p := &profiles[i]
		p.Resource = &upload.Resource
		if upload.Time != 0 {
			p.Time = upload.Time
		}
		if upload.Duration != 0 {
			p.Duration = upload.Duration
		}
	}
	return profiles, nil
}
