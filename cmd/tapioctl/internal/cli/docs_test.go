// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
)

func TestReferenceOfCommandsIsCurrent(t *testing.T) {
	var page strings.Builder
	require.NoError(t, writeReference(&page, newRootCommand(&app.App{})))
	written, err := os.ReadFile("../../../../docs/reference/cli-tapioctl.md")
	require.NoError(t, err)
	assert.True(t, string(written) == page.String(), "docs/reference/cli-tapioctl.md is out of date: run `make generate-docs`")
	assert.Contains(t, page.String(), "\n## tapioctl get logs\n")
	assert.NotContains(t, page.String(), "## tapioctl docs")
}

func TestManPages(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "man1")
	root := newRootCommand(&app.App{})
	root.DisableAutoGenTag = true
	require.NoError(t, writeManPages(root, folder, "1.0.0"))
	page, err := os.ReadFile(filepath.Join(folder, "tapioctl-get-logs.1"))
	require.NoError(t, err)
	assert.Contains(t, string(page), `.TH "TAPIOCTL-GET-LOGS" "1"`)
}
