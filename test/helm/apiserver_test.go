// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// One API server for all, for it takes seconds to start. `make helm-apiserver` runs this.
func TestTheChartOnAnAPIServer(t *testing.T) {
	c := startCluster(t)
	c.kubectl(t, "create", "--filename", tool(t, "TAPIO_PODMONITOR_CRD"))
	c.kubectl(t, "wait", "--for=condition=established", "crd/podmonitors.monitoring.coreos.com", "--timeout=60s")

	t.Run("every object is admitted", c.testAdmission)
	t.Run("a mistake is refused", c.testMistakes)
	t.Run("helm installs, upgrades and removes", c.testRelease)
	t.Run("pods keep to their security level", c.testPodSecurity)
	t.Run("the agent reads pods only", c.testRights)
	t.Run("the plugin finds the pods", c.testPlugin)
}

// Server-side dry runs pass through validation, defaulting, quantities, and admission, but store nothing.
func (c *cluster) testAdmission(t *testing.T) {
	for _, name := range renderings(t) {
		t.Run(name, func(t *testing.T) {
			text := string(read(t, goldenFile(name)))
			stdout, stderr, err := c.try(t, text, "kubectl", "create", "--dry-run=server", "--validate=strict", "--filename=-")
			require.NoError(t, err, stderr)
			assert.Equal(t, strings.Count(text, "\nkind: "), strings.Count(stdout, "(server dry run)"), stdout)
			assert.NotContains(t, stderr, "unknown field")
			for line := range strings.Lines(stderr) {
				// Kubernetes before 1.30 has nothing else than this annotation.
				if !strings.Contains(line, "container.apparmor.security.beta.kubernetes.io/") {
					assert.NotContains(t, line, "deprecated")
				}
			}
		})
	}
}

// These pass the schemas, so only a server finds them.
func (c *cluster) testMistakes(t *testing.T) {
	golden := string(read(t, goldenFile("default")))
	for _, mistake := range [][2]string{
		{"port: otlp-grpc}", "port: a-name-of-more-than-15-letters}"},
		{"mountPath: /hostfs", "mountPath: /sys/fs/cgroup"},
		{"policyTypes: [Ingress]", "policyTypes: [Inbound]"},
		{"ReadWriteOnce", "ReadWriteTwice"},
		{"hostPID: true", "hostPid: true"},
	} {
		require.Contains(t, golden, mistake[0])
		_, stderr, err := c.try(t, strings.ReplaceAll(golden, mistake[0], mistake[1]), "kubectl", "create", "--dry-run=server", "--validate=strict", "--filename=-")
		assert.Error(t, err, mistake[1])
		assert.NotEmpty(t, stderr)
	}
}

func (c *cluster) testRelease(t *testing.T) {
	helm := tool(t, "TAPIO_HELM")
	command := func(args ...string) string {
		stdout, stderr, err := c.try(t, "", helm, append(args, "--namespace", namespace)...)
		require.NoError(t, err, "%v: %s", args, stderr)
		return stdout
	}
	for _, name := range renderings(t) {
		dry := command("install", "dry", chart, "--dry-run=server", "--values", valuesFile(name))
		assert.Contains(t, dry, "STATUS: pending-install", name)
	}
	assert.Contains(t, command("install", "tapio", chart), "kubectl tapio -n "+namespace+" status")
	assert.Equal(t, "10Gi", c.kubectl(t, "--namespace="+namespace, "get", "statefulset", "tapio-gateway",
		"--output=jsonpath={.spec.volumeClaimTemplates[0].spec.resources.requests.storage}"))
	command("upgrade", "tapio", chart, "--set", "gateway.store.memoryLimit=1GiB,gateway.resources.limits.memory=3Gi,metrics.podMonitor.enabled=true")
	assert.Equal(t, "podmonitor.monitoring.coreos.com/tapio\n", c.kubectl(t, "--namespace="+namespace, "get", "podmonitors", "--output=name"))
	assert.Equal(t, "3Gi", c.kubectl(t, "--namespace="+namespace, "get", "statefulset", "tapio-gateway",
		"--output=jsonpath={.spec.template.spec.containers[0].resources.limits.memory}"))
	command("uninstall", "tapio")
	assert.Empty(t, c.kubectl(t, "--namespace="+namespace, "get", "--output=name", "--selector=app.kubernetes.io/name=tapio",
		"daemonsets,statefulsets,deployments,services,configmaps,serviceaccounts,networkpolicies,podmonitors"))
	assert.Empty(t, c.kubectl(t, "get", "--output=name", "--selector=app.kubernetes.io/name=tapio", "clusterroles,clusterrolebindings"))
}

// The documentation says that agents need the level privileged, and gateways none: they pass the strictest one.
func (c *cluster) testPodSecurity(t *testing.T) {
	for _, level := range []string{"privileged", "baseline", "restricted"} {
		c.kubectl(t, "create", "namespace", level)
		c.kubectl(t, "label", "namespace", level, "pod-security.kubernetes.io/enforce="+level)
		for _, account := range []string{"tapio-agent", "tapio-gateway"} {
			c.kubectl(t, "--namespace="+level, "create", "serviceaccount", account)
		}
	}
	agent, gateway := podOf(t, "default", "DaemonSet"), podOf(t, "default", "StatefulSet")
	minimal := podOf(t, "minimal-agent", "DaemonSet")
	for _, admitted := range []struct {
		level string
		pod   string
		want  bool
	}{
		{"privileged", agent, true},
		{"baseline", agent, false},
		{"privileged", gateway, true},
		{"baseline", gateway, true},
		{"restricted", gateway, true},
		{"privileged", minimal, true},
	} {
		_, stderr, err := c.try(t, admitted.pod, "kubectl", "--namespace="+admitted.level, "create", "--dry-run=server", "--filename=-")
		if admitted.want {
			assert.NoError(t, err, "%s: %s", admitted.level, stderr)
		} else {
			assert.Error(t, err, admitted.level)
			assert.Contains(t, stderr, "violates PodSecurity", admitted.level)
		}
	}
}

// podOf is a pod as the workload of that kind in a rendering would make it.
func podOf(t *testing.T, rendering, kind string) string {
	t.Helper()
	for document := range strings.SplitSeq(string(read(t, goldenFile(rendering))), "\n---\n") {
		var workload struct {
			Kind string
			Spec struct {
				Template struct {
					Metadata map[string]any
					Spec     map[string]any
				}
			}
		}
		require.NoError(t, yaml.Unmarshal([]byte(document), &workload))
		if workload.Kind != kind {
			continue
		}
		template := workload.Spec.Template
		template.Metadata["name"] = "pod"
		template.Spec["volumes"] = withoutClaims(template.Spec["volumes"])
		text, err := yaml.Marshal(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": template.Metadata, "spec": template.Spec})
		require.NoError(t, err)
		return string(text)
	}
	require.Fail(t, "no "+kind+" in "+rendering)
	return ""
}

// withoutClaims adds the volume that a StatefulSet makes of its template for claims.
func withoutClaims(volumes any) []any {
	list, _ := volumes.([]any)
	return append(list, map[string]any{"name": "data", "emptyDir": map[string]any{}})
}

func (c *cluster) testRights(t *testing.T) {
	_, stderr, err := c.try(t, string(read(t, goldenFile("default"))), "kubectl", "create", "--filename=-")
	require.NoError(t, err, stderr)
	can := func(account, verb, resource string) bool {
		stdout, _, _ := c.try(t, "", "kubectl", "auth", "can-i", verb, resource, "--all-namespaces", "--as=system:serviceaccount:"+namespace+":"+account)
		return strings.TrimSpace(stdout) == "yes"
	}
	for _, verb := range []string{"get", "list", "watch"} {
		assert.True(t, can("tapio-agent", verb, "pods"), verb)
		assert.False(t, can("tapio-gateway", verb, "pods"), verb)
	}
	for _, forbidden := range [][2]string{{"delete", "pods"}, {"get", "secrets"}, {"list", "configmaps"}, {"create", "pods/exec"}, {"get", "nodes/proxy"}} {
		assert.False(t, can("tapio-agent", forbidden[0], forbidden[1]), "%v", forbidden)
	}
}

// Without kubelets the plugin gets as far as the port-forward.
func (c *cluster) testPlugin(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "kubectl-tapio")
	program, err := filepath.Abs("../../bin/tapioctl")
	require.NoError(t, err)
	require.NoError(t, os.Symlink(program, plugin))
	tapio := func(args ...string) (stdout, stderr string) {
		stdout, stderr, _ = c.try(t, "", plugin, args...)
		return stdout, stderr
	}
	_, stderr := tapio("-n", "default", "status")
	assert.Contains(t, stderr, "no pod in namespace default has the label app.kubernetes.io/name=tapio: name another with -n NAMESPACE")

	_, stderr, err = c.try(t, podOf(t, "default", "StatefulSet"), "kubectl", "--namespace="+namespace, "create", "--filename=-")
	require.NoError(t, err, stderr)
	_, stderr = tapio("-n", namespace, "status")
	assert.Contains(t, stderr, "pod "+namespace+"/pod is not running: it is Pending")
	_, stderr = tapio("-n", namespace, "--pod", "another", "status")
	assert.Contains(t, stderr, "--pod another: there is no such pod in this namespace")

	c.kubectl(t, "--namespace="+namespace, "patch", "pod", "pod", "--subresource=status", "--patch", `{"status": {"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]}}`)
	for _, args := range [][]string{{"-n", namespace, "status"}, {"status"}, {"--pod", "pod", "-n", namespace, "status"}, {"-n", namespace, "ui"}} {
		_, stderr = tapio(args...)
		assert.Contains(t, stderr, "port-forward to pod "+namespace+"/pod: ", "%v", args)
	}
	stdout, _ := tapio("--help")
	assert.Contains(t, stdout, "kubectl tapio")

	// kubectl finds the plugin by the name of its file.
	t.Setenv("PATH", filepath.Dir(plugin)+string(os.PathListSeparator)+os.Getenv("PATH"))
	assert.Contains(t, c.kubectl(t, "plugin", "list"), plugin)
	assert.Contains(t, c.kubectl(t, "tapio", "--version"), "tapio")
}
