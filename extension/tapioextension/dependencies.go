// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import "go.opentelemetry.io/collector/component"

// Dependencies names the authenticators, which must start before the servers.
func (e *tapioExtension) Dependencies() []component.ID {
	var ids []component.ID
	if auth := e.cfg.GRPC.Auth.Get(); auth != nil {
		ids = append(ids, auth.AuthenticatorID)
	}
	if http := e.cfg.HTTP.Get(); http != nil {
		if auth := http.Auth.Get(); auth != nil {
			ids = append(ids, auth.AuthenticatorID)
		}
	}
	if http := e.cfg.Prometheus.HTTP.Get(); http != nil {
		if auth := http.Auth.Get(); auth != nil {
			ids = append(ids, auth.AuthenticatorID)
		}
	}
	ids = append(ids, e.cfg.Members.dependencies()...)
	return append(ids, e.cfg.Notifications.dependencies()...)
}
