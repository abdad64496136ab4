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
	// HTTP is a server of its own with the API at its root, for tools that cannot be
	// given a path. There is none by default; with a section it is localhost:9090.
	HTTP configoptional.Optional[confighttp.ServerConfig] `mapstructure:"http"`

	// MaxSamples is the most samples that one query may hold at once, 1 or more,
	// 50,000,000 by default. What they take is bounded by store::query_memory besides.
	MaxSamples int `mapstructure:"max_samples"`

	// Timeout is how long a query may take, 1 ms or more, 2 min by default.
	Timeout time.Duration `mapstructure:"timeout"`

	// MaxConcurrency is how many queries are answered at once, 1 or more, 20 by
	// default. Others wait.
	MaxConcurrency int `mapstructure:"max_concurrency"`

	// LookbackDelta is how long a sample counts, 1 ms or more, 5 min by default.
	LookbackDelta time.Duration `mapstructure:"lookback_delta"`

	// PromoteResourceAttributes are the attributes of resources that become labels of
	// every series, as they are in target_info; "*" is all of them. By default those
	// that tell where something runs.
	PromoteResourceAttributes []string `mapstructure:"promote_resource_attributes"`

	// PromoteScope makes the name and version of the instrumentation scope the labels
	// otel_scope_name and otel_scope_version.
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
