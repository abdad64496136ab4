// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"

	"github.com/tapio/tapio/extension/tapioextension/internal/prometheus"
	"github.com/tapio/tapio/internal/semconv"
)

// PrometheusConfig bounds Prometheus' HTTP API, which the HTTP server has under
// /prometheus.
type PrometheusConfig struct {
	// HTTP is a separate server with the API at its root, for tools that do not accept a path. Off by
	// default; with a section its endpoint is localhost:9090.
	HTTP configoptional.Optional[confighttp.ServerConfig] `mapstructure:"http"`

	// MaxSamples is the number of samples that one query may hold at once. store::query_memory limits them
	// too. Accepted: 1 or more.
	MaxSamples int `mapstructure:"max_samples"`

	// Timeout is the longest duration of a query. Accepted: 1ms or more.
	Timeout time.Duration `mapstructure:"timeout"`

	// MaxConcurrency is the number of concurrent queries. Further queries wait. Accepted: 1 or more.
	MaxConcurrency int `mapstructure:"max_concurrency"`

	// LookbackDelta is how long a sample is valid. Accepted: 1ms or more.
	LookbackDelta time.Duration `mapstructure:"lookback_delta"`

	// PromoteResourceAttributes are the resource attributes that become labels of every series, as they
	// are in target_info; `*` promotes all. By default those that identify where something runs.
	PromoteResourceAttributes []string `mapstructure:"promote_resource_attributes"`

	// PromoteScope adds the labels otel_scope_name and otel_scope_version.
	PromoteScope bool `mapstructure:"promote_scope"`
}

const (
	prometheusEndpoint       = "localhost:9090"
	defaultMaxSamples        = 50_000_000
	defaultPrometheusTimeout = 2 * time.Minute
	defaultMaxConcurrency    = 20
	defaultLookbackDelta     = 5 * time.Minute
)

func defaultPrometheus() PrometheusConfig {
	http := confighttp.NewDefaultServerConfig()
	http.NetAddr.Endpoint = prometheusEndpoint
	http.ReadHeaderTimeout = handshakeTimeout
	return PrometheusConfig{
		HTTP:       configoptional.Default(http),
		MaxSamples: defaultMaxSamples, Timeout: defaultPrometheusTimeout,
		MaxConcurrency: defaultMaxConcurrency, LookbackDelta: defaultLookbackDelta,
		PromoteResourceAttributes: []string{
			semconv.DeploymentEnvironmentName, semconv.HostName, semconv.K8sClusterName, semconv.K8sContainerName, semconv.K8sNamespaceName, semconv.K8sNodeName, semconv.K8sPodName,
		},
	}
}

// Validate checks the bounds.
func (c *PrometheusConfig) Validate() error {
	return errors.Join(
		atLeastOne("max_samples", c.MaxSamples),
		atLeastOne("max_concurrency", c.MaxConcurrency),
		atLeastDuration("timeout", c.Timeout),
		atLeastDuration("lookback_delta", c.LookbackDelta),
	)
}

func atLeastOne(key string, n int) error {
	if n < 1 {
		return fmt.Errorf("%s: must be 1 or more, is %d", key, n)
	}
	return nil
}

func atLeastDuration(key string, d time.Duration) error {
	if d < minDuration {
		return fmt.Errorf("%s: must be %s or more, is %s: write a number with its unit, for example 2m", key, minDuration, d)
	}
	return nil
}

func (c *PrometheusConfig) limits() prometheus.Limits {
	return prometheus.Limits{MaxSamples: c.MaxSamples, Timeout: c.Timeout, Concurrency: c.MaxConcurrency, Lookback: c.LookbackDelta}
}

func (c *PrometheusConfig) naming() prometheus.Naming {
	return prometheus.Naming{Promote: c.PromoteResourceAttributes, Scope: c.PromoteScope}
}
