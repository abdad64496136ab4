// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	maxUploadLabels     = 64
	maxUploadLabelBytes = 4096
	serviceNameKey      = semconv.ServiceName
)

// Upload is what a client states about a profile that it uploads.
type Upload struct {
	Folded   bool              // folded stacks, else pprof
	Type     model.ProfileType // of folded stacks
	Resource model.Resource
	Time     model.Nanos   // 0: as the file states
	Duration time.Duration // 0: as the file states
}

// ProfileUpload reads all of an upload but its data.
func ProfileUpload(req *tapiov1.UploadProfileRequest) (*Upload, error) {
	u := &Upload{}
	if len(req.GetData()) == 0 {
		return nil, model.InvalidField("data", "must not be empty: it is the profile")
	}
	switch req.GetFormat() {
	case tapiov1.ProfileFormat_PROFILE_FORMAT_UNSPECIFIED, tapiov1.ProfileFormat_PROFILE_FORMAT_PPROF:
		if req.GetSampleType() != "" || req.GetSampleUnit() != "" {
			return nil, model.InvalidField("sample_type", "and sample_unit are for folded stacks only: leave them out")
		}
	case tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED:
		u.Folded = true
		u.Type = model.ProfileType{Name: cmp.Or(req.GetSampleType(), "samples"), Unit: cmp.Or(req.GetSampleUnit(), "count")}
		if len(u.Type.Name) > maxTypeBytes || len(u.Type.Unit) > maxTypeBytes {
			return nil, model.InvalidField("sample_type", "and sample_unit must have at most %d bytes", maxTypeBytes)
		}
	default:
		return nil, model.InvalidField("format", "must be PROFILE_FORMAT_PPROF or PROFILE_FORMAT_FOLDED, is %s", req.GetFormat())
	}
	var err error
	if u.Time, err = instant("start_time", req.GetStartTime()); err != nil {
		return nil, err
	}
	if u.Duration, err = notNegative("duration", req.GetDuration()); err != nil {
		return nil, err
	}
	u.Resource.Attributes, err = uploadLabels(req.GetLabels())
	return u, err
}

func uploadLabels(labels map[string]string) (list model.Attributes, err error) {
	if len(labels) > maxUploadLabels {
		return nil, model.InvalidField("labels", "has %d entries, the most is %d", len(labels), maxUploadLabels)
	}
	service := cmp.Or(labels[serviceNameKey], labels["service"])
	if service == "" {
		return nil, model.InvalidField("labels", "must have service.name, the service that was profiled: write for example service=checkout")
	}
	list = model.Attributes{{Key: serviceNameKey, Value: model.StringValue(service)}}
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		value := labels[key]
		if key == "" || len(key) > maxLabelBytes || len(value) > maxUploadLabelBytes {
			return nil, model.InvalidField("labels", "a name must have 1 to %d bytes and a value at most %d, %.40q has %d and %d",
				maxLabelBytes, maxUploadLabelBytes, key, len(key), len(value))
		}
		if key != serviceNameKey && key != "service" {
			list = append(list, model.KeyValue{Key: key, Value: model.StringValue(value)})
		}
	}
	return list, nil
}
