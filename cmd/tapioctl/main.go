// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command tapioctl asks a Tapio server about the telemetry that it holds and
// follows it live. It speaks the public contract in proto/tapio/v1, and
// replays what it printed with the server's own filter.
package main

import "github.com/tapio/tapio/cmd/tapioctl/internal/cli"

// version is set by -ldflags "-X main.version=…"; it is never written else.
var version = "dev"

func main() { cli.RunProcess(version) }
