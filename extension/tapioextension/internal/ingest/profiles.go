// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/extension/tapioextension/internal/calls"
	"github.com/tapio/tapio/extension/tapioextension/internal/intake"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/pprof"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// maxUnpackedProfile bounds an uploaded profile.
const maxUnpackedProfile = 32 << 20

// Profiles is the way of uploaded profiles into the pipeline.
type Profiles struct {
	calls     *calls.Calls
	intake    *intake.Admission
	unpacking chan struct{} // holds one for the uploaded profile that is unpacked

	mu       sync.RWMutex // held for reading during a write, so that detach waits
	sink     model.ProfileSink
	attached string // the receiver's id; stays when it detaches
}

// NewProfiles leads nowhere before Attach.
func NewProfiles(calls *calls.Calls, intake *intake.Admission) *Profiles {
	return &Profiles{calls: calls, intake: intake, unpacking: make(chan struct{}, 1)}
}

// Attach makes sink the way into the pipeline until detach is called.
func (p *Profiles) Attach(receiver string, sink model.ProfileSink) (detach func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sink != nil {
		return nil, fmt.Errorf("takes its profiles through the receiver %q already: remove %q, or give it an extension of its own",
			p.attached, receiver)
	}
	p.sink, p.attached = sink, receiver
	return sync.OnceFunc(p.detach), nil
}

func (p *Profiles) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sink = nil
}

// write passes profiles into the pipeline.
func (p *Profiles) write(ctx context.Context, profiles []model.Profile) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	switch {
	case p.sink != nil:
	case p.attached == "" && p.calls.Serving():
		return status.Error(codes.FailedPrecondition, "no tapio receiver feeds a profiles pipeline: add `receivers: {tapio: {extension: tapio}}` "+
			"to the configuration and `tapio` to service::pipelines::profiles::receivers")
	default:
		return calls.ErrShuttingDown
	}
	if err := p.sink.WriteProfiles(ctx, profiles); err != nil {
		return pipelineStatus(err)
	}
	return nil
}

// Upload passes one file into the pipeline.
func (p *Profiles) Upload(
	ctx context.Context, req *tapiov1.UploadProfileRequest,
) (*tapiov1.UploadProfileResponse, error) {
	upload, err := protoconv.ProfileUpload(req)
	if err != nil {
		return nil, err
	}
	data, leave, err := p.unpack(ctx, req.GetData(), upload.Folded)
	if err != nil {
		return nil, err
	}
	defer leave()
	profiles, err := decodeProfile(data, upload)
	if err != nil {
		return nil, err
	}
	if err := p.write(ctx, profiles); err != nil {
		return nil, err
	}
	response := &tapiov1.UploadProfileResponse{}
	for i := range profiles {
		response.ProfileCount++
		response.SampleCount += uint64(len(profiles[i].Samples))
	}
	return response, nil
}

// unpack unpacks a file, one at a time, and holds the memory that decoding it takes.
func (p *Profiles) unpack(ctx context.Context, data []byte, folded bool) (unpacked []byte, leave func(), err error) {
	select {
	case p.unpacking <- struct{}{}:
		defer func() { <-p.unpacking }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if data, err = pprof.Unpack(data, maxUnpackedProfile); err != nil {
		return nil, nil, err
	}
	if folded {
		leave, err = p.intake.Folded(ctx, data)
	} else {
		leave, err = p.intake.Pprof(ctx, data)
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
