// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command generate writes the pages of docs/reference that describe the
// configuration and the metrics of Tapio's components, and the command line of the
// collector; with `man FOLDER`, its man pages instead. It runs in the root of the
// repository: `make generate-docs`.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	generate := func() error { return run("docs/reference") }
	if len(os.Args) == 3 && os.Args[1] == "man" {
		generate = func() error { return manPages(os.Args[2]) }
	}
	if err := generate(); err != nil {
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
	return map[string]func() (string, error){"configuration.md": configurationPage, "metrics.md": metricsPage, "cli-tapio.md": commandPage}
}
