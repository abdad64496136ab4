// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package helm checks the chart in distribution/helm/tapio: its values against their schema, and what it renders, which is kept in
// testdata. `make helm-check` renders it again and compares.
package helm
