// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package profiles is the part of the in-memory store that holds profiles.
//
// Profiles are kept in volumes. A volume has a dictionary of its own, in which all
// profiles in it share their frames, stacks (as one tree), attributes, and links to
// spans; a sample is a few bytes that refer to it. Volumes are filled one after the
// other and evicted whole, the oldest first. All parts of a volume only grow, so that
// readers look at what was there when they came, and never hold up a writer.
package profiles
