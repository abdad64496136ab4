// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package packaging installs, runs, upgrades and removes the packages that `make package`
// made, in a copy of this host's file system that is thrown away.
package packaging
