// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package tapiov1 is the contract: the services that Tapio serves and the
// messages that they exchange. It is the only public Go API.
package tapiov1

import _ "embed" // for the OpenAPI file

//go:embed tapio.openapi.json
var openAPI string

// OpenAPI returns the description of the JSON form of the services, as
// OpenAPI 3 in JSON.
func OpenAPI() string { return openAPI }
