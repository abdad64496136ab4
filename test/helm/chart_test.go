// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const chart = "../../distribution/helm/tapio"

func TestValuesMatchTheirSchema(t *testing.T) {
	schema := valuesSchema(t)
	defaults := parsed(t, filepath.Join(chart, "values.yaml"))
	require.NoError(t, schema.Validate(defaults))
	for _, name := range renderings(t) {
		assert.NoError(t, schema.Validate(parsed(t, valuesFile(name))), name)
	}
}

func TestValuesThatTheSchemaRefuses(t *testing.T) {
	schema := valuesSchema(t)
	for _, values := range []string{
		`replicaCount: 2`,
		`gateway: {replicas: 2}`,
		`agent: {ebpf: {enable: true}}`,
		`gateway: {store: {memoryLimit: 512}}`,
		`gateway: {store: {memoryLimit: 1Gi}}`,
		`gateway: {store: {durability: always}}`,
		`gateway: {api: {allowedHosts: ["https://tapio.example.com"]}}`,
		`gateway: {api: {allowedHosts: ["tapio.example.com:4418"]}}`,
		`gateway: {api: {allowedOrigins: [portal.example.com]}}`,
		`agent: {extraCapabilities: [CAP_SYS_ADMIN]}`,
		`agent: {tolerations: {operator: Exists}}`,
		`metrics: {port: 0}`,
		`image: {digest: 0123abcd}`,
		`clusterName: "a,b"`,
		`auth: {token: secret}`,
	} {
		var document any
		require.NoError(t, yaml.Unmarshal([]byte(values), &document))
		assert.Error(t, schema.Validate(document), values)
	}
}

// A value that the schema has and values.yaml has not is one that no user finds.
func TestEveryValueHasADefault(t *testing.T) {
	var schema map[string]any
	require.NoError(t, json.Unmarshal(read(t, filepath.Join(chart, "values.schema.json")), &schema))
	defaults := parsed(t, filepath.Join(chart, "values.yaml"))
	var compare func(path string, schema, defaults map[string]any)
	compare = func(path string, schema, defaults map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		for key, property := range properties {
			if path+key == "global" || strings.HasSuffix(path, "resources.") {
				continue // Helm's own; limits that a user may leave out
			}
			value, found := defaults[key]
			assert.True(t, found, "values.yaml has no %s", path+key)
			below, isMap := value.(map[string]any)
			if child, ok := property.(map[string]any); ok && isMap {
				compare(path+key+".", child, below)
			}
		}
	}
	compare("", schema, defaults)
}

func TestChartHasTheVersionOfTheManifest(t *testing.T) {
	version := regexp.MustCompile(`(?m)^  version: (.+)$`).FindSubmatch(read(t, "../../builder-config.yaml"))
	require.NotNil(t, version)
	about := parsed(t, filepath.Join(chart, "Chart.yaml"))
	assert.Equal(t, string(version[1]), about["version"])
	assert.Equal(t, string(version[1]), about["appVersion"])
}

func valuesSchema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	var schema jsonschema.Schema
	require.NoError(t, json.Unmarshal(read(t, filepath.Join(chart, "values.schema.json")), &schema))
	resolved, err := schema.Resolve(nil)
	require.NoError(t, err)
	return resolved
}

// renderings are the names of the files in testdata: NAME.values.yaml and NAME.golden.yaml.
func renderings(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.values.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".values.yaml"))
	}
	return names
}

func valuesFile(name string) string { return filepath.Join("testdata", name+".values.yaml") }
func goldenFile(name string) string { return filepath.Join("testdata", name+".golden.yaml") }

func parsed(t *testing.T, file string) (document map[string]any) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal(read(t, file), &document), file)
	return document
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return text
}
