// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/otelcol"

	"github.com/tapio/tapio/collector"
)

// command is the command line of tapio, without its components.
func command() *cobra.Command {
	_ = collector.EnableProfiles() // as the programs do, for the default of --feature-gates
	root := collector.NewCommand(otelcol.CollectorSettings{BuildInfo: component.BuildInfo{
		Command: "tapio", Description: "Tapio, an OpenTelemetry Collector distribution", Version: "dev",
	}})
	root.DisableAutoGenTag = true
	root.Long = "Run the collector. `kill -HUP` makes it read its configuration again."
	return root
}

const commandIntro = `# Commands of tapio

` + generatedNote + `

The command line of the collector. It is that of every OpenTelemetry Collector.
`

// commandPage describes the commands and flags of the collector.
func commandPage() (string, error) {
	var page strings.Builder
	page.WriteString(commandIntro)
	root := command()
	for _, cmd := range append([]*cobra.Command{root}, root.Commands()...) {
		if cmd != root && !cmd.IsAvailableCommand() {
			continue
		}
		var section strings.Builder
		if err := doc.GenMarkdownCustom(cmd, &section, func(string) string { return "" }); err != nil {
			return "", fmt.Errorf("describe %s: %w", cmd.CommandPath(), err)
		}
		text, _, _ := strings.Cut(section.String(), "### SEE ALSO")
		page.WriteString("\n" + strings.TrimSpace(text) + "\n")
	}
	return page.String(), nil
}

// manPages writes the man pages of the collector into a folder.
func manPages(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("create the folder: %w", err)
	}
	if err := doc.GenManTree(command(), &doc.GenManHeader{Section: "1", Source: "Tapio", Manual: "Tapio"}, folder); err != nil {
		return fmt.Errorf("write man pages: %w", err)
	}
	return nil
}
