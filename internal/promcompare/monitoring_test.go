// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package promcompare

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
)

func monitoringFile(name string) string { return filepath.Join("..", "..", "docs", "monitoring", name) }

// Prometheus itself takes the alert rules, templates included, as promtool would
// check them; and each has a summary and a severity.
func TestAlertRules(t *testing.T) {
	groups, errs := rulefmt.ParseFile(monitoringFile("alerts.yaml"), false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	require.Empty(t, errs)
	rules := 0
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			rules++
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			require.Contains(t, []string{"info", "warning", "critical"}, rule.Labels["severity"], rule.Alert)
		}
	}
	require.NotZero(t, rules)
}

// panel is what of a dashboard's panel can be checked without a Grafana.
type panel struct {
	ID      int
	Title   string
	GridPos struct{ X, Y, W, H int }
	Targets []struct{ RefID, Expr, LegendFormat string }
}

// Prometheus takes every question of the dashboard, and no panel lies on another.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(monitoringFile("dashboard.json"))
	require.NoError(t, err)
	var dashboard struct{ Panels []panel }
	require.NoError(t, json.Unmarshal(text, &dashboard))
	require.NotEmpty(t, dashboard.Panels)
	// What Grafana puts in their place.
	variables := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*")
	questions := parser.NewParser(parser.Options{})
	ids, taken := map[int]bool{}, map[[2]int]string{}
	for _, p := range dashboard.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			_, err := questions.ParseExpr(variables.Replace(target.Expr))
			require.NoError(t, err, "%s: %s", p.Title, target.Expr)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				place := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				require.Empty(t, taken[place], "%s lies on another panel", p.Title)
				taken[place] = p.Title
				require.Less(t, place[0], 24, "%s is too wide", p.Title)
			}
		}
	}
}
