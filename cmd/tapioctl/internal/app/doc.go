// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package app holds what the commands of tapioctl have in common: the
// application, connected calls, paging, completion and the search for IDs.
package app
