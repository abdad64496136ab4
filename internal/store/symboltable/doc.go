// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package symboltable keeps uploaded tables of functions by build ID, in memory and in a
// directory, and finds the functions of frames that have none.
package symboltable
