// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package ebpfreceiver brings what the kernel knows of processes, system calls,
// disks and networks into the pipelines, by programs that run in it.
package ebpfreceiver // import "github.com/tapio/tapio/receiver/ebpfreceiver"
