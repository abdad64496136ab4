// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const composeFolder = "../../distribution/clickhouse"

// composeService is the part of a service that these tests look at.
type composeService struct {
	Environment map[string]string
	Command     []string
	Entrypoint  []string
	Volumes     []string
}

func composeServices(t *testing.T) map[string]composeService {
	t.Helper()
	var file struct{ Services map[string]composeService }
	require.NoError(t, yaml.Unmarshal(read(t, filepath.Join(composeFolder, "compose.yaml")), &file))
	require.Len(t, file.Services, 3)
	return file.Services
}

// The configuration of the example is valid for the full distribution.
func TestComposeConfigurationIsValid(t *testing.T) {
	service := composeServices(t)["tapio"]
	if _, err := os.Stat(full); errors.Is(err, os.ErrNotExist) {
		t.Skip("bin/tapio-full does not exist: run make validate-full")
	}
	args := []string{"validate"}
	for _, arg := range service.Command {
		arg = strings.ReplaceAll(arg, "$$", "$") // Compose's escape
		args = append(args, strings.Replace(arg, "/etc/tapio/", "../../distribution/full/config/", 1))
	}
	cmd := exec.CommandContext(t.Context(), full, args...)
	cmd.Env = append(os.Environ(), "TAPIO_STATE="+t.TempDir())
	for name, value := range service.Environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

// Files that are mounted exist, and users and passwords are those that users.sql creates.
func TestComposeNamesWhatThereIs(t *testing.T) {
	users := map[string]string{}
	for _, match := range regexp.MustCompile(`CREATE USER IF NOT EXISTS (\w+) IDENTIFIED BY '([^']+)'`).FindAllStringSubmatch(string(read(t, composeFolder+"/users.sql")), -1) {
		users[match[1]] = match[2]
	}
	require.Len(t, users, 2)
	services := composeServices(t)
	for name, service := range services {
		for _, volume := range service.Volumes {
			if source, _, _ := strings.Cut(volume, ":"); strings.HasPrefix(source, ".") {
				assert.FileExists(t, filepath.Join(composeFolder, source), name)
			}
		}
	}
	environment := services["tapio"].Environment
	assert.Equal(t, users[environment["CLICKHOUSE_USER"]], environment["CLICKHOUSE_PASSWORD"])
	assert.Equal(t, users["tapio_reader"], environment["CLICKHOUSE_READER_PASSWORD"])
	assert.Contains(t, strings.Join(services["tapio"].Command, "\n"), "username: tapio_reader")
	assert.Contains(t, services["migrate"].Entrypoint, "--password="+users["tapio_writer"])
}
