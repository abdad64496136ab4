// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/cmd/tapioctl/internal/demo"
	"github.com/tapio/tapio/cmd/tapioctl/internal/dial"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// otlpReceiver answers every request with the status.
func otlpReceiver(t *testing.T, status int) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer a b" {
			return
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server
}

// The demo starts the shop, breaks it, lists the incident with a link, and ends
// when it is interrupted.
func TestDemoListsTheIncident(t *testing.T) {
	otlp := otlpReceiver(t, http.StatusOK)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	looks := 0
	incident := &tapiov1.SemanticGroup{
		Id: "g-1", Kind: tapiov1.SemanticGroup_KIND_INCIDENT, State: tapiov1.SemanticGroup_STATE_OPEN, Title: "payments-db has been slow",
	}
	cli := newCLI(t, &fakeServer{
		health: &tapiov1.HealthCheckResponse{Status: tapiov1.HealthCheckResponse_STATUS_SERVING},
		groups: func(r *tapiov1.GetSemanticGroupsRequest) (*tapiov1.GetSemanticGroupsResponse, error) {
			assert.Equal(t, []tapiov1.SemanticGroup_Kind{tapiov1.SemanticGroup_KIND_INCIDENT}, r.GetKinds())
			assert.Equal(t, testNow(), r.GetFilter().GetTimeRange().GetStart().AsTime())
			if looks++; looks == 2 { // the first look was printed
				interrupt()
			}
			return &tapiov1.GetSemanticGroupsResponse{Groups: []*tapiov1.SemanticGroup{incident}}, nil
		},
	})
	result := cli.runContext(ctx, "demo", "--otlp-endpoint", otlp.URL, "--ui", "http://tapio.example", "--fault", "payment-db-slow",
		"--fault-after", "1ms", "--duration", "5m", "--rate", "1")
	requireSuccess(t, result)
	for _, part := range []string{
		"web UI     http://tapio.example/ ",
		"fault payment-db-slow starts: ",
		"OPEN     g-1 payments-db has been slow\n",
		"http://tapio.example/incidents/g-1\n",
		"ending the shop\n",
	} {
		assert.Equal(t, 1, strings.Count(result.out, part), "%q in:\n%s", part, result.out)
	}
}

// A fault ends by itself after its time, whether or not a key has ended it before.
func TestDemoEndsTheFault(t *testing.T) {
	otlp := otlpReceiver(t, http.StatusOK)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	var c *cli
	c = newCLI(t, &fakeServer{
		health: &tapiov1.HealthCheckResponse{},
		groups: func(*tapiov1.GetSemanticGroupsRequest) (*tapiov1.GetSemanticGroupsResponse, error) {
			if strings.Contains(c.out.String(), "fault bank-errors ends") {
				interrupt()
			}
			return &tapiov1.GetSemanticGroupsResponse{}, nil
		},
	})
	result := c.runContext(ctx, "demo", "--otlp-endpoint", otlp.URL, "--ui", "http://tapio.example", "--fault", "bank-errors",
		"--fault-after", "1ms", "--fault-for", "1ms", "--duration", "5m", "--rate", "1")
	requireSuccess(t, result)
	assert.Contains(t, result.out, "bank-errors starts in 1ms and ends 1ms later; ")
	starts, ends := strings.Index(result.out, "fault bank-errors starts: "), strings.Index(result.out, "fault bank-errors ends\n")
	assert.True(t, 0 < starts && starts < ends, result.out)
}

// What keeps the demo from working is named, with what to do.
func TestDemoThatCannotRun(t *testing.T) {
	refusing, missing := otlpReceiver(t, http.StatusUnauthorized), otlpReceiver(t, http.StatusNotFound)
	for name, c := range map[string]struct {
		args  []string
		code  int
		error string
	}{
		"unknown fault":  {[]string{"--fault", "disk-full"}, exitcode.Usage, `--fault: unknown fault "disk-full": use one of payment-db-slow, `},
		"no rate":        {[]string{"--rate", "0"}, exitcode.Usage, "--rate must be above 0 and at most 100 requests per second, is 0"},
		"too much":       {[]string{"--rate", "1e6"}, exitcode.Usage, "--rate must be above 0 and at most 100 requests per second, is 1e+06"},
		"negative delay": {[]string{"--fault-after", "-1s"}, exitcode.Usage, "--fault-after must be 0 or more, is -1s"},
		"negative end":   {[]string{"--fault", "cache-down", "--fault-for", "-1s"}, exitcode.Usage, "--fault-for must be 0 or more, is -1s"},
		"nothing to end": {[]string{"--fault-for", "1m"}, exitcode.Usage, "--fault-for 1m0s needs --fault: name the fault to end"},
		"no end": {
			[]string{"--fault", "cache-down", "--fault-for", "1m", "--duration", "3m"},
			exitcode.Usage,
			"--duration 3m0s must be longer than --fault-after 2m30s and --fault-for 1m0s together: the shop would end before the fault",
		},
		"negative duration": {[]string{"--duration", "-1s"}, exitcode.Usage, "--duration must be 0 or more, is -1s"},
		"too short":         {[]string{"--fault", "cache-down", "--duration", "1m"}, exitcode.Usage, "--duration 1m0s must be longer than --fault-after 2m30s"},
		"no host and port":  {nil, exitcode.Usage, "--server passthrough:///fake is not host:port: set --otlp-endpoint and --ui"},
		"no URL":            {[]string{"--ui", "http://x", "--otlp-endpoint", "localhost:4318"}, exitcode.Usage, "--otlp-endpoint localhost:4318: is not a URL such as http://localhost:4318"},
		"access denied":     {[]string{"--ui", "http://x", "--otlp-endpoint", refusing.URL}, exitcode.Refused, "denies access (401 Unauthorized): set OTEL_EXPORTER_OTLP_HEADERS"},
		"another port":      {[]string{"--ui", "http://x", "--otlp-endpoint", missing.URL}, exitcode.Refused, "answers 404 Not Found to OTLP: is it the OTLP/HTTP port, by default 4318?"},
		"no receiver":       {[]string{"--ui", "http://x", "--otlp-endpoint", "http://127.0.0.1:1"}, exitcode.Unreachable, "no OTLP/HTTP receiver at http://127.0.0.1:1: "},
		"argument":          {[]string{"payment-db-slow"}, exitcode.Usage, `unknown command "payment-db-slow" for "tapioctl demo"`},
	} {
		t.Run(name, func(t *testing.T) {
			cli := newCLI(t, &fakeServer{health: &tapiov1.HealthCheckResponse{}})
			result := cli.run(t, append([]string{"demo"}, c.args...)...)
			assert.Contains(t, result.errOut, c.error)
			assert.Equal(t, c.code, result.code)
			assert.Empty(t, result.out)
		})
	}
}

// Without a server the error names how to start one.
func TestDemoWithoutAServer(t *testing.T) {
	cli := newCLI(t, &fakeServer{})
	cli.app.DialOptions, cli.env["TAPIO_SERVER"] = nil, "127.0.0.1:1"
	result := cli.run(t, "demo")
	assert.Equal(t, exitcode.Unreachable, result.code)
	assert.Contains(t, result.errOut, "server not reachable at 127.0.0.1:1: ")
	assert.Contains(t, result.errOut, ": start one with `make run`, or both with `make demo`\n")
}

// A server that denies access is not to be started.
func TestDemoWithAServerThatDeniesAccess(t *testing.T) {
	deny := grpc.UnaryInterceptor(func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
		return nil, status.Error(codes.Unauthenticated, "no token")
	})
	result := newCLI(t, &fakeServer{}, deny).run(t, "demo", "--ui", "http://x", "--otlp-endpoint", "http://x")
	assert.Equal(t, exitcode.Refused, result.code)
	assert.Contains(t, result.errOut, "denies access: no token")
	assert.NotContains(t, result.errOut, "make run")
}

func TestOTLPHeadersOfTheEnvironment(t *testing.T) {
	server := otlpReceiver(t, http.StatusUnauthorized)
	cli := newCLI(t, &fakeServer{})
	cli.app.Flags.Timeout = time.Minute
	require.Error(t, checkOTLP(t.Context(), cli.app, server.URL))
	cli.env["OTEL_EXPORTER_OTLP_HEADERS"] = "x-tenant=demo, Authorization=Bearer%20a%20b"
	require.NoError(t, checkOTLP(t.Context(), cli.app, server.URL+"/"))
	cli.env["OTEL_EXPORTER_OTLP_HEADERS"] = "Authorization=%zz"
	require.ErrorContains(t, checkOTLP(t.Context(), cli.app, server.URL), `OTEL_EXPORTER_OTLP_HEADERS: Authorization: invalid URL escape "%zz"`)
}

// With TLS the addresses are https, and the file of authorities is that of the
// flag or of the exporters' variable.
func TestDemoOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(file, certificate, 0o600))
	cli := newCLI(t, &fakeServer{})
	cli.app.Flags.Timeout = time.Minute
	require.ErrorContains(t, checkOTLP(t.Context(), cli.app, server.URL), "certificate signed by unknown authority")
	cli.app.Flags.TLSCACert = file
	require.NoError(t, checkOTLP(t.Context(), cli.app, server.URL))
	assert.Equal(t, []string{"OTEL_EXPORTER_OTLP_CERTIFICATE=" + file}, certificateVariable(cli.app))
	cli.env["OTEL_EXPORTER_OTLP_CERTIFICATE"] = file + ".missing"
	require.ErrorContains(t, checkOTLP(t.Context(), cli.app, server.URL), "ca.pem.missing")
	assert.Empty(t, certificateVariable(cli.app))

	f := &demoFlags{rate: 1}
	require.NoError(t, f.complete(&dial.Flags{Server: "tapio.example:4417", TLS: true}))
	assert.Equal(t, "https://tapio.example:4318", f.otlp)
	assert.Equal(t, "https://tapio.example:4418", f.ui)
}

func TestServiceOfTheDemoNeedsSettings(t *testing.T) {
	result := newCLI(t, &fakeServer{}).run(t, "demo", "service")
	assert.Equal(t, "tapioctl: no settings on the input: EOF\n", result.errOut)
	assert.Equal(t, exitcode.Refused, result.code)
}

// An incident is printed when it is new and when its state or cause changes, not
// when its figures do.
func TestDemoPrintsChangesOfIncidents(t *testing.T) {
	cli := newCLI(t, &fakeServer{})
	d := &demoRun{app: cli.app, flags: &demoFlags{ui: "http://x"}, seen: map[string]string{}}
	d.printIncident(&tapiov1.SemanticGroup{Id: "g/1", State: tapiov1.SemanticGroup_STATE_OPEN, Title: "30% fail"})
	assert.Contains(t, cli.out.String(), "http://x/incidents/g%2F1\n")
	cli.out.Reset()
	d.printIncident(&tapiov1.SemanticGroup{Id: "g/1", State: tapiov1.SemanticGroup_STATE_GROWING, Title: "31% fail"})
	assert.Empty(t, cli.out.String())
	d.printIncident(&tapiov1.SemanticGroup{Id: "g/1", State: tapiov1.SemanticGroup_STATE_RESOLVED, Title: "31% failed"})
	assert.Contains(t, cli.out.String(), "RESOLVED g/1 31% failed\n")
}

func TestKeysOfTheDemo(t *testing.T) {
	pressed := make(chan byte, 8)
	readBytes(strings.NewReader("?x\nq"), pressed)
	cli := newCLI(t, &fakeServer{})
	d := &demoRun{app: cli.app, flags: &demoFlags{}}
	var goesOn []bool
	for key := range pressed {
		goesOn = append(goesOn, d.press(key))
	}
	assert.Equal(t, []bool{true, true, true, false}, goesOn)
	assert.Equal(t, demo.Menu(), cli.out.String())
	keys, restore := readKeyPresses(cli.app)
	restore()
	assert.Nil(t, keys, "the input is no terminal")
}
