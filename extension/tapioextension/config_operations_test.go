// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import "testing"

func TestNotificationsNameTheBadKey(t *testing.T) {
	for name, test := range map[string]struct {
		yaml map[string]any
		want []string
	}{
		"receiver without kind": {
			map[string]any{"notifications": map[string]any{"receivers": []any{map[string]any{"name": "ops"}}}},
			[]string{"notifications", "receivers::0", "webhook, alertmanager, pagerduty or slack"},
		},
		"receiver without URL": {
			map[string]any{"notifications": map[string]any{"receivers": []any{map[string]any{"name": "ops", "slack": map[string]any{}}}}},
			[]string{"receivers::0::slack", "endpoint or url"},
		},
		"receiver of an unknown key": {
			map[string]any{"notifications": map[string]any{"receivers": []any{
				map[string]any{"name": "ops", "webhook": map[string]any{"endpont": "http://localhost"}},
			}}},
			[]string{"notifications", "endpont"},
		},
		"pagerduty without key": {
			map[string]any{"notifications": map[string]any{"receivers": []any{map[string]any{"name": "pd", "pagerduty": map[string]any{}}}}},
			[]string{"receivers::0::pagerduty", "routing_key"},
		},
		"two receivers of one name": {
			map[string]any{"notifications": map[string]any{"receivers": []any{hook("ops"), hook("ops")}}},
			[]string{"receivers::1::name", "ops"},
		},
		"route to no one": {
			map[string]any{"notifications": map[string]any{
				"receivers": []any{hook("ops")}, "routes": []any{map[string]any{"receivers": []any{"sre"}}},
			}},
			[]string{"routes::0::receivers", `"sre"`, "ops"},
		},
		"route with a bad matcher": {
			map[string]any{"notifications": map[string]any{
				"receivers": []any{hook("ops")}, "routes": []any{map[string]any{"receivers": []any{"ops"}, "matchers": []any{"service"}}},
			}},
			[]string{"routes::0::matchers::0", "is not a matcher"},
		},
		"route of an unknown severity": {
			map[string]any{"notifications": map[string]any{"routes": []any{map[string]any{"severity": []any{"fatal"}}}}},
			[]string{"routes::0::severity", "fatal", "critical"},
		},
		"watchdog that pages": {
			map[string]any{"notifications": map[string]any{
				"receivers": []any{map[string]any{"name": "pd", "pagerduty": map[string]any{"routing_key": "k"}}},
				"watchdog":  map[string]any{"receivers": []any{"pd"}},
			}},
			[]string{"watchdog::receivers", "would page"},
		},
		"runbook for nothing": {
			map[string]any{"notifications": map[string]any{"runbooks": []any{map[string]any{"url": "https://example.com"}}}},
			[]string{"runbooks::0", "rule, service or cause_type"},
		},
	} {
		t.Run(name, func(t *testing.T) { requireBadConfig(t, test.yaml, test.want) })
	}
}

func TestObjectivesNameTheBadKey(t *testing.T) {
	for name, test := range map[string]struct {
		yaml map[string]any
		want []string
	}{
		"objective of everything": {
			map[string]any{"slos": map[string]any{"objectives": []any{map[string]any{"name": "a", "service": "checkout"}}}},
			[]string{"slos::objectives::0", "availability or latency"},
		},
		"objective of 100%": {
			map[string]any{"slos": map[string]any{"objectives": []any{
				map[string]any{"name": "a", "service": "checkout", "availability": map[string]any{"target": 100}},
			}}},
			[]string{"slos::objectives::0::availability", "target", "99.9"},
		},
		"burn alert with swapped windows": {
			map[string]any{"slos": map[string]any{"burn_alerts": []any{
				map[string]any{"name": "a", "long_window": "5m", "short_window": "1h", "factor": 2},
			}}},
			[]string{"slos::burn_alerts::0", "long_window"},
		},
		"price without currency": {map[string]any{"cost": map[string]any{"core_hour": 0.03}}, []string{"cost", "currency"}},
	} {
		t.Run(name, func(t *testing.T) { requireBadConfig(t, test.yaml, test.want) })
	}
}

func hook(name string) map[string]any {
	return map[string]any{"name": name, "webhook": map[string]any{"endpoint": "http://localhost:1"}}
}
