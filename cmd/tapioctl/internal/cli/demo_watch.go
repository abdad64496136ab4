// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/dial"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// pollIncidents is the time between two looks for incidents.
const pollIncidents = 2 * time.Second

// lookForIncidents prints each incident of the shop's time when it opens, and when
// its state or cause changes.
func (d *demoRun) lookForIncidents(ctx context.Context) {
	groups, err := app.FetchGroups(ctx, d.app, d.clients, &tapiov1.GetSemanticGroupsRequest{
		Filter: &tapiov1.Filter{TimeRange: &tapiov1.TimeRange{Start: timestamppb.New(d.began)}},
		Kinds:  []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_INCIDENT},
	}, render.FindingsPerPage)
	if ctx.Err() != nil {
		return
	}
	if failed := err != nil; failed != d.unreachable {
		d.unreachable = failed
		if failed {
			d.report("the server does not answer, telemetry is lost until it does: " + d.app.Flags.Explain(err).Message)
		} else {
			d.report("the server answers again")
		}
	}
	for i := len(groups) - 1; i >= 0; i-- { // the oldest first
		d.printIncident(groups[i])
	}
}

func (d *demoRun) printIncident(g *tapiov1.SemanticGroup) {
	cause, _, _ := strings.Cut(render.CauseText(g), " ")
	shown := shownState(g.GetState()) + cause
	before, known := d.seen[g.GetId()]
	if known && before == shown {
		return
	}
	d.seen[g.GetId()] = shown
	d.Print(func() {
		(&render.IncidentPrinter{StreamPrinter: render.StreamPrinter{Output: d.app.Out}}).PrintText(g, !known)
		if !known {
			fmt.Fprintf(d.app.Out, "            %s/incidents/%s\n", d.flags.ui, url.PathEscape(g.GetId()))
		}
	})
}

// shownState is the state, without the difference between what is open and grows.
func shownState(s tapiov1.SemanticGroup_State) string {
	if s == tapiov1.SemanticGroup_STATE_GROWING {
		s = tapiov1.SemanticGroup_STATE_OPEN
	}
	return s.String()
}

// checkOTLP reports what keeps telemetry from arriving: it sends an empty request.
func checkOTLP(ctx context.Context, a *app.App, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, a.Flags.Timeout)
	defer cancel()
	address := strings.TrimSuffix(endpoint, "/") + "/v1/traces"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, http.NoBody)
	if err != nil || request.URL.Host == "" {
		return exitcode.UsageErrorf("--otlp-endpoint %s: is not a URL such as http://localhost:4318", endpoint)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	for header := range strings.SplitSeq(a.Environ("OTEL_EXPORTER_OTLP_HEADERS"), ",") {
		if name, value, found := strings.Cut(header, "="); found {
			text, err := url.PathUnescape(strings.TrimSpace(value))
			if err != nil {
				return exitcode.UsageErrorf("OTEL_EXPORTER_OTLP_HEADERS: %s: %v", strings.TrimSpace(name), err)
			}
			request.Header.Set(strings.TrimSpace(name), text)
		}
	}
	client, err := otlpClient(a)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return &exitcode.Error{Code: exitcode.Unreachable, Message: fmt.Sprintf("no OTLP/HTTP receiver at %s: %v: set --otlp-endpoint, or enable the protocol http of the server's otlp receiver", endpoint, err)}
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<16)) // only the status counts
	switch response.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("%s denies access (%s): set OTEL_EXPORTER_OTLP_HEADERS, for example to Authorization=Bearer%%20TOKEN", endpoint, response.Status)}
	default:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("%s answers %s to OTLP: is it the OTLP/HTTP port, by default 4318? set --otlp-endpoint", endpoint, response.Status)}
	}
}

// otlpCertificate names the authorities that exporters trust, in PEM.
const otlpCertificate = "OTEL_EXPORTER_OTLP_CERTIFICATE"

// certificateVariable has exporters trust what --tls-ca-cert names, unless the
// environment names another file.
func certificateVariable(a *app.App) []string {
	if a.Environ(otlpCertificate) != "" || a.Flags.TLSCACert == "" {
		return nil
	}
	return []string{otlpCertificate + "=" + a.Flags.TLSCACert}
}

// otlpClient trusts what the exporters of the shop trust.
func otlpClient(a *app.App) (*http.Client, error) {
	trusted := dial.Flags{TLS: true, TLSCACert: cmp.Or(a.Environ(otlpCertificate), a.Flags.TLSCACert)}
	config, err := trusted.TLSConfig()
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, Proxy: http.ProxyFromEnvironment}}, nil
}
