// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const (
	everyday = "../../bin/tapio"
	full     = "../../bin/tapio-full"
)

// manifest is the part of an object that these tests look at.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
}

// The configurations of gateways run on both distributions; those of agents need the full one, which `make validate-full` builds.
func TestCollectorConfigurationsAreValid(t *testing.T) {
	for name, config := range configurations(t) {
		t.Run(name, func(t *testing.T) {
			binary := everyday
			if strings.HasSuffix(name, "-agent") {
				binary = full
			}
			if _, err := os.Stat(binary); errors.Is(err, os.ErrNotExist) {
				t.Skipf("%s does not exist: run make validate", filepath.Base(binary))
			}
			// Validating creates folders and looks for the host's file system.
			state := t.TempDir()
			text := strings.NewReplacer("/var/lib/tapio", state, "/hostfs", "/").Replace(config)
			file := filepath.Join(t.TempDir(), "tapio.yaml")
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
			cmd := exec.CommandContext(t.Context(), binary, "validate", "--config", file)
			cmd.Env = append(os.Environ(), "K8S_NODE_NAME=node-1")
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}

// See TestShippedOTLPReceiversAreBounded of the root package.
func TestOTLPReceiversAreBounded(t *testing.T) {
	for name, config := range configurations(t) {
		var parsed struct {
			Receivers struct {
				OTLP struct {
					Protocols map[string]struct {
						Middlewares []struct{ ID string }
						Size        int `yaml:"max_request_body_size"`
					}
				}
			}
		}
		require.NoError(t, yaml.Unmarshal([]byte(config), &parsed), name)
		protocols := parsed.Receivers.OTLP.Protocols
		require.Len(t, protocols, 2, name)
		for protocol, settings := range protocols {
			if assert.Len(t, settings.Middlewares, 1, "%s: %s", name, protocol) {
				assert.Equal(t, "tapio", settings.Middlewares[0].ID)
			}
		}
		assert.Positive(t, protocols["http"].Size, name)
	}
}

// configurations are those in the ConfigMaps of testdata, by rendering and component.
func configurations(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range renderings(t) {
		decoder := yaml.NewDecoder(bytes.NewReader(read(t, goldenFile(name))))
		for {
			var object manifest
			err := decoder.Decode(&object)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, name)
			if config, ok := object.Data["tapio.yaml"]; ok {
				_, component, _ := strings.Cut(object.Metadata.Name, "-")
				found[name+"-"+component] = config
			}
		}
	}
	require.GreaterOrEqual(t, len(found), 8)
	return found
}
