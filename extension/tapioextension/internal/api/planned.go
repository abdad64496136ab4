// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"slices"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// missingEngines names, for each method that this server cannot answer yet, what
// it lacks. Such a method answers UNIMPLEMENTED, never with invented data.
func missingEngines() map[string]string {
	const (
		profiles = "profile store"
	)
	return map[string]string{
		tapiov1.ObservabilityService_GetProfiles_FullMethodName:    profiles,
		tapiov1.ObservabilityService_AnalyzeProfile_FullMethodName: profiles,
	}
}

// implementedMethods are the methods of the contract less the missing ones.
func implementedMethods() []string {
	missing := missingEngines()
	var methods []string
	add := func(service, method string) {
		if _, planned := missing["/"+service+"/"+method]; !planned {
			methods = append(methods, service+"/"+method)
		}
	}
	for _, desc := range services() {
		for _, m := range desc.Methods {
			add(desc.ServiceName, m.MethodName)
		}
		for _, m := range desc.Streams {
			add(desc.ServiceName, m.StreamName)
		}
	}
	slices.Sort(methods)
	return methods
}
