// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
)

// ReceiverConfig is one receiver: a name, and one of the kinds.
type ReceiverConfig struct {
	// Name identifies the receiver in routes. Required.
	Name string `mapstructure:"name"`
	// Webhook sends JSON to an HTTP server. A receiver has one of the four kinds.
	Webhook *HTTPReceiverConfig `mapstructure:"webhook"`
	// Alertmanager sends alerts to a Prometheus Alertmanager.
	Alertmanager *AlertmanagerConfig `mapstructure:"alertmanager"`
	// PagerDuty sends events to PagerDuty.
	PagerDuty *PagerDutyConfig `mapstructure:"pagerduty"`
	// Slack sends messages to an incoming webhook of Slack.
	Slack *HTTPReceiverConfig `mapstructure:"slack"`
}

// HTTPReceiverConfig is a server that takes requests.
type HTTPReceiverConfig struct {
	// ClientConfig has the keys of an HTTP client: endpoint, tls, auth, headers, timeout and so on.
	confighttp.ClientConfig `mapstructure:",squash"`
	// URL is used instead of endpoint where the address contains a secret; it is never printed.
	URL configopaque.String `mapstructure:"url"`
}

// AlertmanagerConfig is an Alertmanager.
type AlertmanagerConfig struct {
	HTTPReceiverConfig `mapstructure:",squash"`
	// ResendInterval is how often firing alerts are sent again, so that Alertmanager keeps them. Default:
	// `5m`. Accepted: 10s or more.
	ResendInterval time.Duration `mapstructure:"resend_interval"`
}

// PagerDutyConfig is a service of PagerDuty.
type PagerDutyConfig struct {
	HTTPReceiverConfig `mapstructure:",squash"`
	// RoutingKey is the integration key of Events API v2. Required.
	RoutingKey configopaque.String `mapstructure:"routing_key"`
}

const (
	minResendInterval = 10 * time.Second
	pagerDutyEndpoint = "https://events.pagerduty.com"
	pagerDutyPath     = "/v2/enqueue"
	alertmanagerPath  = "/api/v2/alerts"
)

func defaultHTTPReceiver() HTTPReceiverConfig {
	client := confighttp.NewDefaultClientConfig()
	client.Timeout = 10 * time.Second
	return HTTPReceiverConfig{ClientConfig: client}
}

// Unmarshal sets the defaults of the kind that is configured.
func (c *ReceiverConfig) Unmarshal(conf *confmap.Conf) error {
	if conf.IsSet("webhook") {
		c.Webhook = new(defaultHTTPReceiver())
	}
	if conf.IsSet("slack") {
		c.Slack = new(defaultHTTPReceiver())
	}
	if conf.IsSet("alertmanager") {
		c.Alertmanager = &AlertmanagerConfig{HTTPReceiverConfig: defaultHTTPReceiver(), ResendInterval: 5 * time.Minute}
	}
	if conf.IsSet("pagerduty") {
		c.PagerDuty = &PagerDutyConfig{HTTPReceiverConfig: defaultHTTPReceiver()}
		c.PagerDuty.Endpoint = pagerDutyEndpoint
	}
	return conf.Unmarshal(c)
}

// Validate checks that the receiver is of one kind.
func (c *ReceiverConfig) Validate() error {
	if c.Name == "" {
		return errors.New("name: must not be empty: it is how routes and metrics name the receiver")
	}
	kinds := 0
	for _, set := range []bool{c.Webhook != nil, c.Alertmanager != nil, c.PagerDuty != nil, c.Slack != nil} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("%q has %d kinds: name one of webhook, alertmanager, pagerduty or slack", c.Name, kinds)
	}
	return nil
}

// Validate checks where requests go.
func (c *HTTPReceiverConfig) Validate() error {
	if (c.Endpoint == "") == (c.URL == "") {
		return errors.New("endpoint or url: exactly one must be set; use url where it holds a secret")
	}
	if c.URL != "" {
		return checkURL("url", string(c.URL))
	}
	return checkURL("endpoint", c.Endpoint)
}

// Validate checks the keys of an Alertmanager.
func (c *AlertmanagerConfig) Validate() error {
	return errors.Join(c.HTTPReceiverConfig.Validate(), atLeastTime("resend_interval", c.ResendInterval, minResendInterval))
}

// Validate checks the keys of PagerDuty.
func (c *PagerDutyConfig) Validate() error {
	if c.RoutingKey == "" {
		return errors.New("routing_key: must not be empty: it is the integration key of Events API v2 of a service")
	}
	if c.URL != "" {
		return errors.New("url: is not used here: set endpoint")
	}
	return checkURL("endpoint", c.Endpoint)
}

// checkURL does not repeat the value, which may be a secret.
func checkURL(key, text string) error {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "http" && parsed.Scheme != "https" || parsed.Host == "" {
		return fmt.Errorf("%s: must be a URL with http or https and a host, for example https://example.com/hook", key)
	}
	return nil
}
