// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command openapi3 converts the OpenAPI 2.0 file that protoc-gen-openapiv2 writes
// to OpenAPI 3, and adds what the .proto files do not say.
//
//	openapi3 tapio.swagger.json tapio.openapi.json
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi3:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("missing arguments: the OpenAPI 2.0 file to read and the OpenAPI 3 file to write")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var old openapi2.T
	if err := json.Unmarshal(text, &old); err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	doc, err := openapi2conv.ToV3(&old)
	if err != nil {
		return fmt.Errorf("convert %s: %w", args[0], err)
	}
	complete(doc)
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], append(out, '\n'), 0o644)
}

func complete(doc *openapi3.T) {
	doc.OpenAPI = "3.0.3"
	doc.Servers = openapi3.Servers{{URL: "/"}}
	doc.Info.License.URL = "https://www.apache.org/licenses/LICENSE-2.0"
	// What the authenticator of the server asks for, if it has one.
	doc.Components.SecuritySchemes = openapi3.SecuritySchemes{
		"basic":  {Value: openapi3.NewSecurityScheme().WithType("http").WithScheme("basic")},
		"bearer": {Value: openapi3.NewSecurityScheme().WithType("http").WithScheme("bearer")},
	}
	doc.Security = openapi3.SecurityRequirements{{}, {"basic": {}}, {"bearer": {}}}
	for _, tag := range doc.Tags {
		tag.Description = map[string]string{
			"TapioService":         "Events, findings of the correlation engine, and the server itself.",
			"CollectorService":     "What collectors use: batches of events, registration, heartbeats and configuration.",
			"ObservabilityService": "Queries and streams of logs, traces, metrics and profiles.",
			"OperationsService":    "Notifications and silences, service level objectives, changes and cost.",
		}[tag.Name]
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			describe(operation, path, method)
		}
	}
}

// describe splits what the .proto file says of a method into one sentence and the
// rest, and adds the answers that every route may give.
func describe(operation *openapi3.Operation, path, method string) {
	text := strings.Join(strings.Fields(operation.Summary+" "+operation.Description), " ")
	summary, rest, _ := strings.Cut(text, ". ")
	operation.Summary, operation.Description = strings.TrimSuffix(summary, ".")+".", rest
	failure := operation.Responses.Default()
	codes := []string{"400", "403", "429"}
	if slices.Contains([]string{"POST", "PUT", "PATCH"}, method) {
		codes = append(codes, "413", "415")
	}
	if strings.Contains(path, "{") {
		codes = append(codes, "404")
	}
	for _, code := range codes {
		operation.Responses.Set(code, &openapi3.ResponseRef{Value: openapi3.NewResponse().
			WithDescription(meanings()[code]).WithContent(failure.Value.Content)})
	}
}

func meanings() map[string]string {
	return map[string]string{
		"400": "The request is not valid; the details name the field.",
		"403": "The caller has not the right, or the request comes from a page of another origin.",
		"404": "There is no such thing.",
		"413": "The body is longer than the server accepts.",
		"415": "The body is not application/json.",
		"429": "The server has no capacity for the request now; Retry-After says when.",
	}
}
