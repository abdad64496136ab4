// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

// lawsOfTheEngine are those of the packages that the engine is made of.
func lawsOfTheEngine() []law {
	return []law{
		{
			text:        "the engine imports model, semconv and its own packages",
			holdsIn:     []string{"internal/correlate"},
			forbids:     []string{module},
			allows:      []string{module + "internal/model", module + "internal/semconv", module + "internal/panics", module + "internal/correlate"},
			sparesTests: true,
		},
		{
			text:    "baselines know nothing of the engine, detectors only baselines",
			holdsIn: []string{"internal/correlate/baseline"},
			forbids: []string{module},
			allows:  []string{module + "internal/model"},
		},
		{
			text:        "detectors know baselines, classes of failures and model, and nothing else of the engine",
			holdsIn:     []string{"internal/correlate/detect"},
			forbids:     []string{module},
			allows:      []string{module + "internal/model", module + "internal/semconv", module + "internal/correlate/baseline", module + "internal/correlate/failure"},
			sparesTests: true,
		},
		{
			text:    "classes of failures know nothing of the engine",
			holdsIn: []string{"internal/correlate/failure"},
			forbids: []string{module},
			allows:  []string{module + "internal/semconv"},
		},
		{
			text:        "the report knows model, classes of failures and nothing of how facts are found",
			holdsIn:     []string{"internal/correlate/report"},
			forbids:     []string{module},
			allows:      []string{module + "internal/model", module + "internal/semconv", module + "internal/correlate/failure", module + "internal/correlate/kernelrule"},
			sparesTests: true,
		},
		{
			text:    "rules for kernel events know model, semconv and nothing of the engine",
			holdsIn: []string{"internal/correlate/kernelrule"},
			forbids: []string{module},
			allows:  []string{module + "internal/model", module + "internal/semconv"},
		},
	}
}
