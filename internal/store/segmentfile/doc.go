// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package segmentfile is the format of the files that hold the rows of a chunk: a header, then
// slices as they lie in memory, each with a checksum.
package segmentfile
