// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"errors"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tapio/tapio/internal/model"
)

// The addresses of resources.
const (
	incidentURI = "tapio://incidents/"
	traceURI    = "tapio://traces/"
	jsonType    = "application/json"
)

// addResources adds what can be read by its address.
func (s *server) addResources(protocol *mcp.Server) {
	protocol.AddResourceTemplate(&mcp.ResourceTemplate{
		Name: "incident", Title: "Incident", URITemplate: incidentURI + "{incident_id}", MIMEType: jsonType,
		Description: "One incident, as explain_incident returns it",
	}, s.resource(incidentURI, func(ctx context.Context, id string) (*answer, error) {
		return s.explainIncident(ctx, &explainIncidentInput{ID: id})
	}))
	protocol.AddResourceTemplate(&mcp.ResourceTemplate{
		Name: "trace", Title: "Trace", URITemplate: traceURI + "{trace_id}", MIMEType: jsonType,
		Description: "One trace, as get_trace returns it",
	}, s.resource(traceURI, func(ctx context.Context, id string) (*answer, error) {
		return s.getTrace(ctx, &getTraceInput{ID: id})
	}))
}

// resource reads what has an id behind the prefix.
func (s *server) resource(prefix string, read func(ctx context.Context, id string) (*answer, error)) mcp.ResourceHandler {
	return func(ctx context.Context, req *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		ctx, end, err := s.begin(ctx)
		if err != nil {
			return nil, err
		}
		defer end()
		found, err := read(ctx, strings.TrimPrefix(req.Params.URI, prefix))
		if _, wrong := errors.AsType[*model.FieldError](err); wrong {
			return nil, mcp.ResourceNotFoundError(req.Params.URI)
		}
		if err != nil {
			return nil, err
		}
		text, err := found.text()
		if err != nil {
			return nil, err
		}
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: req.Params.URI, MIMEType: jsonType, Text: text}}}, nil
	}
}
