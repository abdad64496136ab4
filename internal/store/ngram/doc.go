// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package ngram makes filters of the n-grams of texts: which blocks may hold a text.
package ngram
