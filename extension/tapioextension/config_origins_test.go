// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
)

func TestAllowedHostsAreNames(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.AllowedHosts = []string{"tapio.example.com", "*.example.com", "*"}
	assert.NoError(t, cfg.Validate())
	for _, bad := range []string{"", "*.", "http://a", "a:4418", "a.*", "a b"} {
		cfg.AllowedHosts = []string{"a", bad}
		assert.ErrorContains(t, cfg.Validate(), "allowed_hosts[1]", bad)
	}
}

func TestOriginsAreNotEverySite(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	allow := func(origins ...string) error {
		cfg.HTTP.Get().CORS = configoptional.Some(confighttp.CORSConfig{AllowedOrigins: origins})
		return cfg.Validate()
	}
	assert.NoError(t, allow("https://ui.example.com", "http://localhost:3000", "https://*.example.com"))
	for _, bad := range []string{"*", "https://*", "http*://example.com", "https://*.", "https://a.*", "example.com", "null"} {
		assert.ErrorContains(t, allow("https://a", bad), "http::cors::allowed_origins[1]", bad)
	}
}
