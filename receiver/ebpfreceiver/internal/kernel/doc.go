// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package kernel loads programs into the kernel, attaches them, and reads what they
// send and count. A feature that the kernel refuses is a Gap.
package kernel
