// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlp is the pdata door: it turns the collector's plog, ptrace and
// pmetric into the words of internal/model, and log records back. Nothing of
// OTLP is lost on the way, save what is nested deeper than 30 arrays and maps,
// where a text reports it. Nothing of pdata is kept: its memory belongs to the
// pipeline again once a call has returned.
//
// The rows of one batch share memory: one slice of rows, one of attributes. A
// resource, a scope and a metric each stand alone, so that keeping one of them
// keeps nothing else; a series shares its memory with the others of its batch,
// so who keeps one longer than the batch's points copies it.
package otlp
