// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// ingest takes profiles as clients of Pyroscope send them: pprof files, alone or in a
// form, and folded stacks.
func (h *uploadHandler) ingest(w http.ResponseWriter, r *http.Request) {
	request, err := ingestQuery(r.URL.Query())
	if err == nil {
		err = ingestBody(r, request)
	}
	h.call(w, r, request, err)
}

// ingestBody reads the profile: the body, or the part `profile` of a form, which is in
// pprof's format whatever the query says.
func ingestBody(r *http.Request, request *tapiov1.UploadProfileRequest) (err error) {
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		request.Data, err = io.ReadAll(r.Body) // BoundBodies has read it
		return err
	}
	form := multipart.NewReader(r.Body, parameters["boundary"])
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return model.InvalidField("profile", "is missing: the form must have a part of that name with the profile in pprof's format")
		}
		if err != nil {
			return model.InvalidField("profile", "the form is damaged: %v", err)
		}
		if part.FormName() != "profile" {
			continue
		}
		request.Format, request.SampleType, request.SampleUnit = tapiov1.ProfileFormat_PROFILE_FORMAT_PPROF, "", ""
		if request.Data, err = io.ReadAll(part); err != nil {
			return model.InvalidField("profile", "the form is damaged: %v", err)
		}
		return nil
	}
}

// ingestQuery reads name, from, until, format and units of a request.
func ingestQuery(values url.Values) (*tapiov1.UploadProfileRequest, error) {
	service, kind, labels, err := ingestName(values.Get("name"))
	if err != nil {
		return nil, err
	}
	labels[semconv.ServiceName] = service
	request := &tapiov1.UploadProfileRequest{Labels: labels}
	if spy := values.Get("spyName"); spy != "" {
		labels[semconv.TelemetrySDKName] = spy
	}
	switch format := values.Get("format"); format {
	case "pprof":
		request.Format = tapiov1.ProfileFormat_PROFILE_FORMAT_PPROF
	case "", "folded", "groups":
		request.Format = tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED
		request.SampleType, request.SampleUnit = foldedType(kind, values.Get("units"))
	default:
		return nil, model.InvalidField("format", "must be pprof or folded, is %q", format)
	}
	from, err := ingestTime("from", values.Get("from"))
	if err != nil {
		return nil, err
	}
	until, err := ingestTime("until", values.Get("until"))
	if err != nil {
		return nil, err
	}
	if !from.IsZero() {
		request.StartTime = timestamppb.New(from)
		if until.After(from) {
			request.Duration = durationpb.New(until.Sub(from))
		}
	}
	return request, nil
}

// ingestName reads a name like "shop.cpu{region=eu,host=a}".
func ingestName(text string) (service, kind string, labels map[string]string, err error) {
	service, rest, labelled := strings.Cut(text, "{")
	labels = map[string]string{}
	if labelled {
		list, closed := strings.CutSuffix(rest, "}")
		if !closed {
			return "", "", nil, model.InvalidField("name", "lacks the closing brace, is %.80q: write for example shop.cpu{region=eu}", text)
		}
		for pair := range strings.SplitSeq(list, ",") {
			key, value, found := strings.Cut(strings.TrimSpace(pair), "=")
			if !found && pair != "" {
				return "", "", nil, model.InvalidField("name", "%.80q is no label: write for example shop.cpu{region=eu}", pair)
			}
			if found {
				labels[key] = strings.Trim(value, `"`)
			}
		}
	}
	if at := strings.LastIndexByte(service, '.'); at > 0 && knownKind(service[at+1:]) {
		service, kind = service[:at], service[at+1:]
	}
	if service == "" {
		return "", "", nil, model.InvalidField("name", "must name the service that was profiled: write for example shop.cpu")
	}
	return service, kind, labels, nil
}

// knownKind reports whether the end of a name is a type of profiles.
func knownKind(kind string) bool {
	switch kind {
	case "cpu", "itimer", "wall", "alloc_objects", "alloc_space", "inuse_objects", "inuse_space", "goroutines",
		"mutex_count", "mutex_duration", "block_count", "block_duration", "exceptions":
		return true
	default:
		return false
	}
}

// foldedType is the sample type of folded stacks: those of the CPU count samples.
func foldedType(kind, units string) (name, unit string) {
	switch {
	case kind == "" || units == "samples" || units == "" && (kind == "cpu" || kind == "itimer" || kind == "wall"):
		return "samples", "count"
	case units == "objects" || units == "":
		return kind, "count"
	case units == "lock_nanoseconds":
		return kind, "nanoseconds"
	default:
		return kind, units
	}
}

// ingestTime reads a Unix time in seconds or in a smaller unit, which its size shows.
func ingestTime(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, model.InvalidField(field, "must be a Unix time, is %q: write for example 1764410400", text)
	}
	switch {
	case n < 1e11:
		return time.Unix(n, 0), nil
	case n < 1e14:
		return time.UnixMilli(n), nil
	case n < 1e17:
		return time.UnixMicro(n), nil
	default:
		return time.Unix(0, n), nil
	}
}
