// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:generate mdatagen metadata.yaml

// Package tapioreceiver brings events that clients write over the tapio
// extension's API into a logs pipeline. It opens no port: the extension serves.
package tapioreceiver // import "github.com/tapio/tapio/receiver/tapioreceiver"
