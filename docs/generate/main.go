// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command generate writes the pages of docs/reference that describe the
// configuration and the metrics of Tapio's components. It runs in the root of the
// repository: `make generate-docs`.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run("docs/reference"); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(folder string) error {
	for name, generate := range pages() {
		page, err := generate()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(page), 0o644); err != nil {
			return fmt.Errorf("write the page: %w", err)
		}
	}
	return nil
}

func pages() map[string]func() (string, error) {
	return map[string]func() (string, error){"configuration.md": configurationPage, "metrics.md": metricsPage}
}
