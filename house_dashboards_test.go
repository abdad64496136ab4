// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapio_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// parsesPromQL takes what a dashboard asks Prometheus, with its variables replaced.
func parsesPromQL(t *testing.T, title, expression string) {
	t.Helper()
	replaced := strings.NewReplacer("$__rate_interval", "5m", "$service", ".*", "$$__tags", `job="x"`).Replace(expression)
	_, err := parser.NewParser(parser.Options{}).ParseExpr(replaced)
	assert.NoError(t, err, "%s: %s", title, expression)
	assert.NotContains(t, replaced, "$", "%s: an unknown variable", title)
}

// cells notes which places of a grid are taken.
type cells map[[2]int]string

func (c cells) take(t *testing.T, title string, x, y, width, height int) {
	t.Helper()
	require.Positive(t, width*height, title)
	for i := range width {
		for j := range height {
			place := [2]int{x + i, y + j}
			assert.Empty(t, c[place], "%s lies on another panel", title)
			assert.Less(t, place[0], 24, "%s is too wide", title)
			c[place] = title
		}
	}
}

// Grafana's dashboard names data sources by variables, so that it works with those of
// every installation, and Prometheus takes its queries.
func TestGrafanaDashboard(t *testing.T) {
	var dashboard struct {
		Title, UID    string
		SchemaVersion int
		Templating    struct {
			List []struct{ Name, Type, Query string }
		}
		Panels []struct {
			ID          int
			Type, Title string
			Datasource  struct{ Type, UID string }
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ RefID, Expr, QueryType, Service string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, "docs/monitoring/grafana/dashboards/services.json")), &dashboard))
	require.NotEmpty(t, dashboard.Title+dashboard.UID)
	require.Positive(t, dashboard.SchemaVersion)
	variables := map[string]string{}
	for _, v := range dashboard.Templating.List {
		variables["${"+v.Name+"}"] = v.Query
	}
	require.NotEmpty(t, dashboard.Panels)
	ids, grid := map[int]bool{}, cells{}
	for _, p := range dashboard.Panels {
		require.False(t, ids[p.ID], "two panels have the id %d", p.ID)
		ids[p.ID] = true
		require.Equal(t, p.Datasource.Type, variables[p.Datasource.UID], "%s: the data source is a variable", p.Title)
		grid.take(t, p.Title, p.GridPos.X, p.GridPos.Y, p.GridPos.W, p.GridPos.H)
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			if p.Datasource.Type == "prometheus" {
				parsesPromQL(t, p.Title, target.Expr)
			} else {
				require.Equal(t, "search", target.QueryType)
				require.NotEmpty(t, target.Service, "Jaeger's search needs a service")
			}
		}
	}
}

// The data sources are of the types that Tapio speaks, at their paths, and what links
// one to the other exists.
func TestGrafanaDataSources(t *testing.T) {
	var provisioned struct {
		APIVersion  int `yaml:"apiVersion"`
		Datasources []struct {
			Name, UID, Type, Access, URL string
			JSONData                     struct {
				Exemplars []struct {
					UID string `yaml:"datasourceUid"`
				} `yaml:"exemplarTraceIdDestinations"`
				TracesToMetrics struct {
					UID     string `yaml:"datasourceUid"`
					Queries []struct{ Name, Query string }
				} `yaml:"tracesToMetrics"`
			} `yaml:"jsonData"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "docs/monitoring/grafana/provisioning/datasources/tapio.yaml")), &provisioned))
	require.Equal(t, 1, provisioned.APIVersion)
	urls, types := map[string]string{}, map[string]string{}
	for _, d := range provisioned.Datasources {
		require.Equal(t, "proxy", d.Access, "a browser would be of another origin")
		urls[d.Type], types[d.UID] = d.URL, d.Type
	}
	require.Equal(t, map[string]string{"prometheus": "$TAPIO_URL/prometheus", "jaeger": "$TAPIO_URL"}, urls)
	for _, d := range provisioned.Datasources {
		for _, link := range d.JSONData.Exemplars {
			require.Equal(t, "jaeger", types[link.UID])
		}
		if to := d.JSONData.TracesToMetrics; to.UID != "" {
			require.Equal(t, "prometheus", types[to.UID])
			for _, q := range to.Queries {
				parsesPromQL(t, q.Name, q.Query)
			}
		}
	}
	var provider struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(read(t, "docs/monitoring/grafana/provisioning/dashboards/tapio.yaml")), &provider))
	require.Len(t, provider.Providers, 1)
	require.True(t, filepath.IsAbs(provider.Providers[0].Options.Path))
}

// The dashboard for Perses has a place for each panel, and Prometheus takes its queries.
func TestPersesDashboard(t *testing.T) {
	type plugin struct {
		Kind string
		Spec struct {
			Query      string
			Datasource struct{ Kind, Name string }
		}
	}
	var dashboard struct {
		Kind     string
		Metadata struct{ Name, Project string }
		Spec     struct {
			Datasources map[string]struct{ Plugin plugin }
			Panels      map[string]struct {
				Kind string
				Spec struct {
					Display struct{ Name string }
					Plugin  struct{ Kind string }
					Queries []struct {
						Kind string
						Spec struct{ Plugin plugin }
					}
				}
			}
			Layouts []struct {
				Kind string
				Spec struct {
					Items []struct {
						X, Y, Width, Height int
						Content             struct {
							Ref string `json:"$ref"`
						}
					}
				}
			}
		}
	}
	decoder := json.NewDecoder(strings.NewReader(read(t, "docs/monitoring/perses/services.json")))
	require.NoError(t, decoder.Decode(&dashboard))
	require.Equal(t, "Dashboard", dashboard.Kind)
	require.NotEmpty(t, dashboard.Metadata.Name+dashboard.Metadata.Project)
	require.NotEmpty(t, dashboard.Spec.Panels)
	for _, panel := range dashboard.Spec.Panels {
		require.Equal(t, "Panel", panel.Kind)
		require.Equal(t, "TimeSeriesChart", panel.Spec.Plugin.Kind)
		require.NotEmpty(t, panel.Spec.Queries)
		for _, q := range panel.Spec.Queries {
			require.Equal(t, "TimeSeriesQuery", q.Kind)
			require.Equal(t, "PrometheusTimeSeriesQuery", q.Spec.Plugin.Kind)
			require.Equal(t, dashboard.Spec.Datasources[q.Spec.Plugin.Spec.Datasource.Name].Plugin.Kind, q.Spec.Plugin.Spec.Datasource.Kind)
			parsesPromQL(t, panel.Spec.Display.Name, q.Spec.Plugin.Spec.Query)
		}
	}
	placed, grid := map[string]bool{}, cells{}
	for _, layout := range dashboard.Spec.Layouts {
		require.Equal(t, "Grid", layout.Kind)
		for _, item := range layout.Spec.Items {
			name := strings.TrimPrefix(item.Content.Ref, "#/spec/panels/")
			require.Contains(t, dashboard.Spec.Panels, name)
			placed[name] = true
			grid.take(t, name, item.X, item.Y, item.Width, item.Height)
		}
	}
	require.Len(t, placed, len(dashboard.Spec.Panels), "each panel has a place")
}
