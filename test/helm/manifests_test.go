// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// release is what `helm template` is called with for a rendering.
func release(name string) []string {
	args := []string{"template", "tapio", chart, "--namespace", "observability", "--values", valuesFile(name)}
	if name == "agents-only" {
		return append(args, "--kube-version", "1.28.0") // before securityContext.appArmorProfile
	}
	return append(args, "--kube-version", "1.34.4")
}

func TestRenderedManifests(t *testing.T) {
	helm := tool(t, "TAPIO_HELM")
	for _, name := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			rendered, message, err := run(t, helm, release(name)...)
			require.NoError(t, err, message)
			if os.Getenv("TAPIO_UPDATE_GOLDEN") == "1" {
				require.NoError(t, os.WriteFile(goldenFile(name), []byte(rendered), 0o600))
			}
			assert.Equal(t, string(read(t, goldenFile(name))), rendered,
				"the chart renders something else: if it should, run TAPIO_UPDATE_GOLDEN=1 make helm-check and commit the difference")
			_, message, err = run(t, helm, "lint", "--strict", chart, "--values", valuesFile(name))
			assert.NoError(t, err, message)
		})
	}
}

func TestManifestsFollowTheSchemasOfKubernetes(t *testing.T) {
	for _, name := range renderings(t) {
		message, err := conform(t, goldenFile(name))
		assert.NoError(t, err, "%s: %s", name, message)
	}
}

// Without this, schemas that accept everything would pass for manifests that are right.
func TestSchemasOfKubernetesRefuseMistakes(t *testing.T) {
	golden := string(read(t, goldenFile("secured")))
	for _, mistake := range [][2]string{
		{"hostPID: true", "hostPid: true"},
		{"readOnly: true", "readonly: true"},
		{"replicas: 1", "replicas: one"},
		{"defaultMode: 0400", "defaultMode: {}"},
		{"- port: metrics\n      interval", "- port: metrics\n      intervals"},
		{"kind: StatefulSet", "kind: StatefullSet"},
	} {
		require.True(t, strings.Contains(golden, mistake[0]), mistake[0])
		file := filepath.Join(t.TempDir(), "manifests.yaml")
		require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(golden, mistake[0], mistake[1])), 0o600))
		_, err := conform(t, file)
		assert.Error(t, err, mistake[1])
	}
}

func TestValuesThatTheChartRefuses(t *testing.T) {
	helm := tool(t, "TAPIO_HELM")
	for values, message := range map[string]string{
		"gateway.api.expose=true":                    "gateway.api.expose is true without authentication",
		"gateway.enabled=false,agent.enabled=false":  "enable one of them",
		"gateway.store.memoryLimit=1Gi":              "gateway/store/memoryLimit",
		"gateway.repicas=2":                          "repicas",
		"gateway.api.allowedHosts={https://a.b.com}": "allowedHosts",
	} {
		_, stderr, err := run(t, helm, "template", "tapio", chart, "--set", values)
		require.Error(t, err, values)
		assert.Contains(t, stderr, message)
	}
}

// conform checks manifests with kubeconform against the schemas that make helm-check writes.
func conform(t *testing.T, file string) (message string, err error) {
	t.Helper()
	kubeconform, schemas := tool(t, "TAPIO_KUBECONFORM"), tool(t, "TAPIO_KUBE_SCHEMAS")
	stdout, stderr, err := run(t, kubeconform, "-strict", "-kubernetes-version", "1.34.4",
		"-schema-location", schemas+"/{{ .ResourceKind }}{{ .KindSuffix }}.json", file)
	return stdout + stderr, err
}

// tool is the path that make gives in a variable.
func tool(t *testing.T, variable string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		t.Skipf("%s is not set: run make helm-check", variable)
	}
	return path
}

func run(t *testing.T, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var out, errors bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errors
	err = cmd.Run()
	return out.String(), errors.String(), err
}
