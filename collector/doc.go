// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package collector is the command line of the distributions: that of otelcol,
// with a reload of the configuration (SIGHUP) that cannot end the process.
//
// A reload is checked first: a configuration that does not parse or validate is
// logged, and what runs goes on untouched. One that validates but does not start,
// for example because a port is taken, ends upstream's collector; the
// configuration before it is then started again in the same process, as it was
// retrieved, so that what is in memory is kept (docs/adr/0049-failed-reloads.md).
package collector // import "github.com/tapio/tapio/collector"
