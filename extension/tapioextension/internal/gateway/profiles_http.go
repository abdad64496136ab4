// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	uploadPath = "/v1/profiles:upload"
	ingestPath = "/ingest" // of Pyroscope's clients
)

// uploadHandler takes profiles as the body of a request, instead of in JSON.
type uploadHandler struct {
	gateway *Gateway
	client  tapiov1.ObservabilityServiceClient
}

// uploadsBefore serves the paths that take files of profiles, before what takes JSON.
func (g *Gateway) uploadsBefore(next http.Handler, client tapiov1.ObservabilityServiceClient) http.Handler {
	h := &uploadHandler{gateway: g, client: client}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost && r.URL.Path == uploadPath && !isJSON(r.Header.Get("Content-Type"), false):
			h.upload(w, r)
		case r.Method == http.MethodPost && r.URL.Path == ingestPath:
			h.ingest(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// upload stores the body, described by the query.
func (h *uploadHandler) upload(w http.ResponseWriter, r *http.Request) {
	if media := mediaOf(r); simpleMedia(media) {
		writeStatus(w, http.StatusUnsupportedMediaType, status.Newf(codes.InvalidArgument,
			"Content-Type: must be application/octet-stream for a file, or application/json, is %q", media))
		return
	}
	request, err := uploadQuery(r.URL.Query())
	if err == nil {
		request.Data, err = io.ReadAll(r.Body) // BoundBodies has read it
	}
	h.call(w, r, request, err)
}

func mediaOf(r *http.Request) string {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return media
}

// simpleMedia is what a browser sends for any page without asking the server first.
func simpleMedia(media string) bool {
	return slices.Contains([]string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"}, media)
}

// uploadQuery reads what the query says of a profile. All but the names of fields are
// labels.
func uploadQuery(values url.Values) (*tapiov1.UploadProfileRequest, error) {
	request := &tapiov1.UploadProfileRequest{Labels: map[string]string{}}
	for name, list := range values {
		value := list[len(list)-1]
		switch name {
		case "format":
			number, known := tapiov1.ProfileFormat_value["PROFILE_FORMAT_"+strings.ToUpper(value)]
			if !known {
				return nil, model.InvalidField("format", "must be pprof or folded, is %q", value)
			}
			request.Format = tapiov1.ProfileFormat(number)
		case "sample_type":
			request.SampleType = value
		case "sample_unit":
			request.SampleUnit = value
		case "start_time":
			at, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				return nil, model.InvalidField("start_time", "must be a time as in RFC 3339, is %q: write for example 2026-11-29T10:00:00Z", value)
			}
			request.StartTime = timestamppb.New(at)
		case "duration":
			d, err := time.ParseDuration(value)
			if err != nil {
				return nil, model.InvalidField("duration", "must be a number with a unit, is %q: write for example 30s", value)
			}
			request.Duration = durationpb.New(d)
		default:
			request.Labels[name] = value
		}
	}
	return request, nil
}

// call stores a profile as the caller of the request, and answers in JSON.
func (h *uploadHandler) call(w http.ResponseWriter, r *http.Request, request *tapiov1.UploadProfileRequest, err error) {
	ctx := metadata.NewOutgoingContext(r.Context(), h.gateway.Calls.Guard.Relayed(r.Context(), r))
	var response *tapiov1.UploadProfileResponse
	if err == nil {
		response, err = h.client.UploadProfile(ctx, request)
	}
	if err != nil {
		st := status.Convert(protoconv.Status(err))
		code := runtime.HTTPStatusFromCode(st.Code())
		if wait, ok := retryDelay(st); ok {
			w.Header().Set("Retry-After", retrySeconds(wait))
		} else if st.Code() == codes.ResourceExhausted {
			code = http.StatusRequestEntityTooLarge
		}
		writeStatus(w, code, st)
		return
	}
	text, err := (&gatewayJSON{}).Marshal(response)
	if err != nil {
		writeStatus(w, http.StatusInternalServerError, status.New(codes.Internal, err.Error()))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, "%s\n", text) //nolint:gosec // JSON, by its header; the client is gone if this fails
}
