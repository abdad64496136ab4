// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package profilerules finds known causes of cost in call trees, such as regular
// expressions that are compiled in a loop, and gives advice. Each rule has a file of its
// own; Rules lists them.
package profilerules
