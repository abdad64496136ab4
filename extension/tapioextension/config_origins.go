// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/config/confighttp"
)

// checkHosts refuses what is not a name: a scheme, a port or a path.
func checkHosts(hosts []string) error {
	for i, host := range hosts {
		name := strings.TrimPrefix(host, "*.")
		if host != "*" && (name == "" || strings.ContainsAny(name, "*:/ ")) {
			return fmt.Errorf("allowed_hosts[%d]: must be a host name without port, for example tapio.example.com, "+
				"*.example.com or *, is %q", i, host)
		}
	}
	return nil
}

// checkCORS refuses origins that stand for every site: the server reads the
// browser's credentials, so each of them could use the API.
func checkCORS(http *confighttp.ServerConfig) error {
	if http == nil || !http.CORS.HasValue() {
		return nil
	}
	for i, origin := range http.CORS.Get().AllowedOrigins {
		scheme, host, found := strings.Cut(origin, "://")
		wild := strings.Contains(strings.TrimPrefix(host, "*."), "*") || host == "*."
		if !found || strings.Contains(scheme, "*") || wild {
			return fmt.Errorf("http::cors::allowed_origins[%d]: must be a scheme and a host, for example https://grafana.example.com "+
				"or https://*.example.com, is %q", i, origin)
		}
	}
	return nil
}
