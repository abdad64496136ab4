// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const clickHouseValues = chart + "/examples/clickhouse.values.yaml"

func TestExampleValuesMatchTheSchema(t *testing.T) {
	require.NoError(t, valuesSchema(t).Validate(parsed(t, clickHouseValues)))
}

func TestExampleValuesRender(t *testing.T) {
	rendered, message, err := run(t, tool(t, "TAPIO_HELM"), "template", "tapio", chart, "--namespace", "observability", "--kube-version", "1.34.4", "--values", clickHouseValues)
	require.NoError(t, err, message)
	require.Contains(t, rendered, "tiers:")
	file := filepath.Join(t.TempDir(), "manifests.yaml")
	require.NoError(t, os.WriteFile(file, []byte(rendered), 0o600))
	message, err = conform(t, file)
	assert.NoError(t, err, message)
}

// The gateway's configuration with that of the example over it, as the chart merges them,
// is valid for the full distribution.
func TestTheConfigurationOfTheExampleIsValid(t *testing.T) {
	if _, err := os.Stat(full); errors.Is(err, os.ErrNotExist) {
		t.Skip("bin/tapio-full does not exist: run make validate-full")
	}
	var config map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(configurations(t)["default-gateway"]), &config))
	gateway := parsed(t, clickHouseValues)["gateway"].(map[string]any)
	merge(config, gateway["config"].(map[string]any))
	text, err := yaml.Marshal(config)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "tapio.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "/var/lib/tapio", t.TempDir())), 0o600))
	cmd := exec.CommandContext(t.Context(), full, "validate", "--config", file)
	cmd.Env = os.Environ()
	for _, one := range gateway["extraEnv"].([]any) {
		cmd.Env = append(cmd.Env, one.(map[string]any)["name"].(string)+"=secret")
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// merge writes values over others; lists are replaced.
func merge(to, from map[string]any) {
	for key, value := range from {
		below, isMap := value.(map[string]any)
		existing, wasMap := to[key].(map[string]any)
		if isMap && wasMap {
			merge(existing, below)
			continue
		}
		to[key] = value
	}
}
