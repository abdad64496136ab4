// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package report turns the typed facts of an incident into what people read:
// title, cause, evidence, impact, sequence, next steps. It knows nothing of how
// the facts were found, and no other package of the engine formats text that
// leaves it.
package report
