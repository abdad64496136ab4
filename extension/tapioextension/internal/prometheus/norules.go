// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"github.com/prometheus/prometheus/rules"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

// NoRules is the rules of a server that has none.
func NoRules() v1.RulesRetriever { return noRules{} }

type noRules struct{}

func (noRules) RuleGroups() []*rules.Group           { return []*rules.Group{} }
func (noRules) AlertingRules() []*rules.AlertingRule { return []*rules.AlertingRule{} }
