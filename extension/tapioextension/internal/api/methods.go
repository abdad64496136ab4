// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import "slices"

// implementedMethods are the methods of the contract, which are all implemented.
func implementedMethods() []string {
	var methods []string
	for _, desc := range services() {
		for _, m := range desc.Methods {
			methods = append(methods, desc.ServiceName+"/"+m.MethodName)
		}
		for _, m := range desc.Streams {
			methods = append(methods, desc.ServiceName+"/"+m.StreamName)
		}
	}
	slices.Sort(methods)
	return methods
}
