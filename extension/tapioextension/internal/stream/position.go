// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stream

import (
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// ResumeToken names the place behind what is sent, "" where nothing is. The epoch is that
// of the store.
func ResumeToken(epoch uint64, events []model.Event, loss *tapiov1.Loss) string {
	last := loss.GetLastSequence()
	if len(events) > 0 {
		last = events[len(events)-1].Seq
	}
	if last == 0 {
		return ""
	}
	return protoconv.ResumeToken(epoch, last)
}

// Resume begins behind the token, if there is one, instead of at start.
func Resume(epoch uint64, token, field string, start model.Start) (model.Start, error) {
	if token == "" {
		return start, nil
	}
	if start != (model.Start{}) {
		return start, model.InvalidField(field+"resume_token", "excludes start: give one of the two")
	}
	sequence, err := protoconv.ReadResumeToken(epoch, token, field+"resume_token")
	return model.Start{After: sequence, Resume: true}, err
}

// Positioned is a request for a stream that may go on after a cut.
type Positioned interface {
	GetStart() *tapiov1.StreamStart
	GetResumeToken() string
	GetReportPosition() bool
}

// ResumePositioned goes on where a resume token says.
func ResumePositioned(epoch uint64, req Positioned, start model.Start) (model.Start, error) {
	if req.GetResumeToken() == "" {
		return start, nil
	}
	if req.GetStart() != nil {
		return start, model.InvalidField("start", "excludes resume_token: give either")
	}
	after, err := protoconv.ReadResumeToken(epoch, req.GetResumeToken(), "resume_token")
	return model.Start{Resume: true, After: after}, err
}

// TokenOf names the place of a report, if the request asks for it.
func TokenOf(epoch uint64, req Positioned, r Report) string {
	if !req.GetReportPosition() {
		return ""
	}
	return protoconv.ResumeToken(epoch, r.Position)
}
