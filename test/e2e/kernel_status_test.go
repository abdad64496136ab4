// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A feature that the kernel does not offer is reported in every place where a user
// would look: the log, the collector's own metrics, the status that Tapio's health and
// that of the health check extension are made of.
func TestAFeatureThatIsOffIsReportedEverywhere(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	config, metrics := withOwnMetrics(t, kernelStandard)
	status := freeAddress(t)
	config = strings.NewReplacer("extensions:\n", "extensions:\n  health_check: {http: {endpoint: "+status+", status: {enabled: true, path: /status}}}\n",
		"extensions: [tapio]", "extensions: [tapio, health_check]").Replace(config)
	c := launchAdapted(t, config, func(cmd *exec.Cmd) {
		cmd.Args = append(cmd.Args, "--feature-gates=+extension.healthcheck.useComponentStatus")
		withoutBTF(cmd)
	})
	t.Cleanup(func() { c.finish(t) })
	c.awaitReady(t)

	off := featuresOff(t, c.Log())
	require.NotEmpty(t, off)
	health := healthOf(t, apiOf(t, c), "pipelines")
	require.Equal(t, tapiov1.HealthCheckResponse_STATUS_DEGRADED, health.Status)
	require.Equal(t, 1, strings.Count(health.Message, "Receiver ebpf"), "once, though it is in two pipelines: %s", health.Message)
	_, extension := get(t, "http://"+status+"/status?verbose")
	require.Contains(t, string(extension), `"receiver:ebpf"`)
	require.Contains(t, string(extension), "StatusPermanentError")
	samples := scrape(t, metrics)
	for _, one := range off {
		require.Equal(t, "no_btf", one.Reason, "%v", one)
		require.Contains(t, one.Error, "build it with CONFIG_DEBUG_INFO_BTF")
		require.EqualValues(t, 1, unavailable(samples, one), one)
		among := regexp.MustCompile(`CONFIG_DEBUG_INFO_BTF \([^)]*` + one.Probe + ": [^;)]*" + one.Feature)
		require.Regexp(t, among, health.Message)
		require.Regexp(t, among, string(extension))
	}
	limited := bytes.Count(c.Log(), []byte(`"a feature is limited: `))
	require.EqualValues(t, len(off)+limited, of(samples, "otelcol_tapio_ebpf_unavailable", ""), "and nothing else is")
	require.Equal(t, 0, c.Stop())
}

// featureOff is how the log reports one.
type featureOff struct{ Msg, Probe, Feature, Reason, Error string }

func featuresOff(t *testing.T, log []byte) (list []featureOff) {
	t.Helper()
	for line := range bytes.Lines(log) {
		var one featureOff
		if json.Unmarshal(line, &one) == nil && strings.HasPrefix(one.Msg, "a feature is off: ") {
			list = append(list, one)
		}
	}
	return list
}

// unavailable is the metric of one feature.
func unavailable(samples map[string]float64, one featureOff) (value float64) {
	for series, v := range samples {
		if strings.HasPrefix(series, "otelcol_tapio_ebpf_unavailable{") && strings.Contains(series, `probe="`+one.Probe+`"`) &&
			strings.Contains(series, `feature="`+one.Feature+`"`) && strings.Contains(series, `reason="`+one.Reason+`"`) {
			value += v
		}
	}
	return value
}

// healthOf is what Tapio's health says of one component.
func healthOf(t *testing.T, client api, component string) *tapiov1.HealthCheckResponse_Component {
	t.Helper()
	all, err := client.events.HealthCheck(bounded(t), &tapiov1.HealthCheckRequest{})
	require.NoError(t, err)
	for _, one := range all.Components {
		if one.Name == component {
			return one
		}
	}
	require.Fail(t, "health says nothing of "+component, "%v", all)
	return nil
}
