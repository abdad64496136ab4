// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	neturl "net/url"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pprofile/pprofileotlp"
	"go.opentelemetry.io/otel/sdk/resource"
)

const (
	// profileEvery is how often a service sends a profile, profileTick what a sample of it
	// stands for, as at 100 Hz.
	profileEvery = 10 * time.Second
	profileTick  = 10 * time.Millisecond
	// requestCost is the CPU time of a request in a profile. Requests of the shop wait
	// where those of a real one compute, and would leave too few samples.
	requestCost = 8 * time.Millisecond
)

// cpuProfile is what a service would cost, by its stacks: frames from the root to the leaf,
// separated by semicolons.
type cpuProfile struct {
	mu    sync.Mutex
	spent map[string]time.Duration
}

// requestStacks are the stacks below a handler, with their part of a request in percent.
func requestStacks() map[string]time.Duration {
	return map[string]time.Duration{
		"": 35, ";encoding/json.Marshal;reflect.Value.Field": 8, ";encoding/json.(*Decoder).Decode": 12, ";net/http.(*Client).Do;syscall.write": 15,
		";log/slog.(*Logger).Info;fmt.Fprintf": 5, ";runtime.mallocgc": 10,
	}
}

// request counts the CPU time of a request.
func (p *cpuProfile) request(handler string) {
	root := "net/http.(*conn).serve;" + handler
	for below, percent := range requestStacks() {
		p.spend(root+below, requestCost*percent/100)
	}
	p.spend("runtime.gcBgMarkWorker;runtime.scanobject", requestCost*8/100)
	p.spend("runtime.mcall;runtime.schedule;runtime.findRunnable", requestCost*7/100)
}

func (p *cpuProfile) spend(stack string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spent == nil {
		p.spent = map[string]time.Duration{}
	}
	p.spent[stack] += d
}

// take returns whole ticks by stack, and keeps the rest for the next time.
func (p *cpuProfile) take() map[string]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	ticks := map[string]int64{}
	for stack, d := range p.spent {
		if n := int64(d / profileTick); n > 0 {
			ticks[stack] = n
			p.spent[stack] = d % profileTick
		}
	}
	return ticks
}

// handlerName is the function that serves a route: "POST /reservations" of inventory is
// inventory.(*Server).reservations.
func handlerName(service, pattern string) string {
	_, path, _ := strings.Cut(pattern, " ")
	name := strings.Trim(strings.ReplaceAll(path, "/", "_"), "_")
	if name == "" {
		name = "index"
	}
	return service + ".(*Server)." + name
}

// errNoProfiles is that the endpoint does not take profiles.
var errNoProfiles = errors.New("the endpoint takes no profiles")

// sendProfiles sends what the service would cost until the context is done, or until it
// turns out that the endpoint takes no profiles.
func (s *service) sendProfiles(ctx context.Context, of *resource.Resource) {
	client := profileClient()
	defer client.CloseIdleConnections()
	ticker := time.NewTicker(profileEvery)
	defer ticker.Stop()
	for begin := time.Now(); ; begin = time.Now() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		ticks := s.cpu.take()
		if len(ticks) == 0 {
			continue
		}
		if err := s.sendProfile(ctx, client, of, begin, ticks); errors.Is(err, errNoProfiles) {
			return
		}
	}
}

// profileClient trusts the certificates that the exporters of the other signals do.
func profileClient() *http.Client {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment}
	if pem, err := os.ReadFile(os.Getenv("OTEL_EXPORTER_OTLP_CERTIFICATE")); err == nil { //nolint:gosec // the user of the demo names the file
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport, Timeout: profileEvery}
}

func (s *service) sendProfile(ctx context.Context, client *http.Client, of *resource.Resource, begin time.Time, ticks map[string]int64) error {
	body, err := pprofileotlp.NewExportRequestFromProfiles(encodeProfile(of, begin, ticks)).MarshalProto()
	if err != nil {
		return err
	}
	target := strings.TrimSuffix(s.OTLP, "/") + "/v1development/profiles"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	for pair := range strings.SplitSeq(os.Getenv("OTEL_EXPORTER_OTLP_HEADERS"), ",") {
		if key, value, found := strings.Cut(pair, "="); found {
			if plain, err := neturl.PathUnescape(strings.TrimSpace(value)); err == nil {
				request.Header.Set(strings.TrimSpace(key), plain)
			}
		}
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusNotFound {
		return errNoProfiles
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("send a profile: %s", response.Status)
	}
	return nil
}
