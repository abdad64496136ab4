// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/goleak"

	"github.com/tapio/tapio/telemetry/tapiotelemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// probe is an extension that reports what it was started with, and fails where its
// configuration says so.
type probe struct {
	Value string `mapstructure:"value"`
	Fail  string `mapstructure:"fail"` // start or stop; or wait, to start when released

	events  chan<- string
	release <-chan struct{}
}

func (p *probe) Validate() error {
	if p.Value == "invalid" {
		return errors.New("value: invalid")
	}
	return nil
}

func (p *probe) Start(context.Context, component.Host) error {
	if p.Fail == "start" {
		p.events <- "failed " + p.Value
		return errors.New("port in use")
	}
	if p.Fail == "wait" {
		p.events <- "starting " + p.Value
		<-p.release
	}
	p.events <- "started " + p.Value
	return nil
}

func (p *probe) Shutdown(context.Context) error {
	p.events <- "stopped " + p.Value
	if p.Fail == "stop" {
		return errors.New("failed to stop")
	}
	return nil
}

// settings are of a collector with a probe.
func settings(events chan<- string, release <-chan struct{}) otelcol.CollectorSettings {
	probes := extension.NewFactory(component.MustNewType("probe"),
		func() component.Config { return &probe{events: events, release: release} },
		func(_ context.Context, _ extension.Settings, cfg component.Config) (extension.Extension, error) {
			return cfg.(*probe), nil
		}, component.StabilityLevelStable)
	nopReceiver, nopExporter := receivertest.NewNopFactory(), exportertest.NewNopFactory()
	return otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "test"},
		Factories: func() (otelcol.Factories, error) {
			return otelcol.Factories{
				Receivers:  map[component.Type]receiver.Factory{nopReceiver.Type(): nopReceiver},
				Exporters:  map[component.Type]exporter.Factory{nopExporter.Type(): nopExporter},
				Extensions: map[component.Type]extension.Factory{probes.Type(): probes},
				Telemetry:  tapiotelemetry.NewFactory(),
			}, nil
		},
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{
				envprovider.NewFactory(), fileprovider.NewFactory(), yamlprovider.NewFactory(),
			},
		}},
	}
}

// testCollector runs in this process with a configuration file.
type testCollector struct {
	path, logs string
	events     chan string
	done       chan error
	release    chan struct{}
}

const configuration = `
receivers: {nop: }
exporters: {nop: }
extensions:
  probe: {PROBE}
service:
  extensions: [probe]
  telemetry:
    logs: {encoding: json, output_paths: [LOGS]}
    metrics: {level: none}
  pipelines:
    logs: {receivers: [nop], exporters: [nop]}
`

func newTestCollector(t *testing.T, probe string) *testCollector {
	t.Helper()
	folder := t.TempDir()
	c := &testCollector{
		path: filepath.Join(folder, "config.yaml"), logs: filepath.Join(folder, "logs"),
		events: make(chan string, 100), done: make(chan error, 1),
	}
	c.configure(t, probe)
	return c
}

func start(t *testing.T, probe string) *testCollector {
	t.Helper()
	c := newTestCollector(t, probe)
	cmd := NewCommand(settings(c.events, nil))
	cmd.SilenceErrors = true
	cmd.SetArgs([]string{"--config", c.path, "--set", "service.telemetry.logs.level=debug"})
	go func() { c.done <- cmd.ExecuteContext(context.Background()) }()
	return c
}

func (c *testCollector) configure(t *testing.T, probe string) {
	t.Helper()
	config := strings.NewReplacer("PROBE", probe, "LOGS", c.logs).Replace(configuration)
	require.NoError(t, os.WriteFile(c.path, []byte(config), 0o600))
}

// expect waits for what the probe reports next.
func (c *testCollector) expect(t *testing.T, events ...string) {
	t.Helper()
	for _, want := range events {
		select {
		case got := <-c.events:
			require.Equal(t, want, got)
		case err := <-c.done:
			c.done <- err // for who waits for the end
			select {
			case got := <-c.events: // was reported before the end
				require.Equal(t, want, got)
			default:
				require.FailNow(t, "the collector ended", "%v", err)
			}
		}
	}
}

// awaitLog waits until the message was logged so often, and returns its error.
func (c *testCollector) awaitLog(t *testing.T, message string, times int) (reason string) {
	t.Helper()
	logged := func() bool {
		logs, _ := os.ReadFile(c.logs) // absent reads as empty
		found := 0
		for line := range bytes.Lines(logs) {
			var entry struct{ Msg, Error string }
			if json.Unmarshal(line, &entry) != nil || entry.Msg != message {
				continue
			}
			if found++; found == times {
				reason = entry.Error
				return true
			}
		}
		return false
	}
	require.Eventually(t, logged, 30*time.Second, time.Millisecond, message)
	return reason
}

func (c *testCollector) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(os.Getpid(), s))
}

const (
	isReady     = "Everything is ready. Begin running and processing data."
	keepsOld    = "failed to reload the configuration, the previous one keeps running"
	startsAgain = "failed to reload the configuration, starting the previous one again"
)

// stop ends the collector as a service manager does.
func (c *testCollector) stop(t *testing.T, value string) {
	t.Helper()
	c.signal(t, syscall.SIGTERM)
	require.NoError(t, <-c.done)
	require.Equal(t, "stopped "+value, <-c.events)
	require.Empty(t, c.events)
}

func TestAConfigurationThatIsNotValidTouchesNothing(t *testing.T) {
	c := start(t, "value: one")
	c.expect(t, "started one")
	c.awaitLog(t, isReady, 1)
	for i, bad := range []struct{ probe, err string }{
		{"value: [", "yaml"},
		{"value: invalid", "value: invalid"},
		{"valeu: one", "valeu"},
		{"value: one}\n  nothing: {", "nothing"},
		{`value: "${file:/does/not/exist}"`, "/does/not/exist"},
		{`value: "${env:1-NO-NAME}"`, "1-NO-NAME"},
	} {
		c.configure(t, bad.probe)
		c.signal(t, syscall.SIGHUP)
		require.Contains(t, c.awaitLog(t, keepsOld, i+1), bad.err)
	}
	require.Empty(t, c.events)
	c.configure(t, "value: two")
	c.signal(t, syscall.SIGHUP)
	c.expect(t, "stopped one", "started two")
	c.awaitLog(t, isReady, 2)
	c.stop(t, "two")
}

func TestTheConfigurationBeforeOneThatDoesNotStartIsStartedAgain(t *testing.T) {
	t.Setenv("TAPIO_TEST_VALUE", "one")
	c := start(t, `value: "${env:TAPIO_TEST_VALUE}"`)
	c.expect(t, "started one")
	c.awaitLog(t, isReady, 1)
	t.Setenv("TAPIO_TEST_VALUE", "changed")
	for i := range 3 {
		c.configure(t, "value: two, fail: start")
		c.signal(t, syscall.SIGHUP)
		c.expect(t, "stopped one", "failed two", "stopped two", "started one")
		require.Contains(t, c.awaitLog(t, startsAgain, i+1), "port in use")
		c.awaitLog(t, isReady, i+2)
	}
	c.configure(t, "value: three")
	c.signal(t, syscall.SIGHUP)
	c.expect(t, "stopped one", "started three")
	c.awaitLog(t, isReady, 5)
	c.stop(t, "three")
}

func TestAConfigurationThatFailsToStopIsReplaced(t *testing.T) {
	c := start(t, "value: one, fail: stop")
	c.expect(t, "started one")
	c.awaitLog(t, isReady, 1)
	c.configure(t, "value: two")
	c.signal(t, syscall.SIGHUP)
	c.expect(t, "stopped one", "started two")
	c.awaitLog(t, isReady, 2)
	c.stop(t, "two")
}

func TestAFirstConfigurationThatDoesNotStartEndsTheProcess(t *testing.T) {
	c := start(t, "value: one, fail: start")
	require.ErrorContains(t, <-c.done, "port in use")
	require.Equal(t, "failed one", <-c.events)
}

// The flags are defined again, so they must be those of otelcol.
func TestTheFlagsAreThoseOfUpstream(t *testing.T) {
	list := func(flags *pflag.FlagSet) (all []string) {
		flags.VisitAll(func(f *pflag.Flag) { all = append(all, f.Name+" "+f.Value.Type()+" "+f.DefValue+" "+f.Usage) })
		return all
	}
	set := settings(nil, nil)
	require.Equal(t, list(otelcol.NewCommand(set).Flags()), list(NewCommand(set).Flags()))
}

func TestSetTakesPrecedenceOverFiles(t *testing.T) {
	locations := &configFlagValue{}
	require.NoError(t, locations.set("processors.batch.timeout = 2s"))
	require.NoError(t, locations.Set("first.yaml"))
	require.ErrorContains(t, locations.set("nothing"), "missing equal sign")
	var set otelcol.CollectorSettings
	require.NoError(t, locations.apply(&set))
	require.Equal(t, []string{"first.yaml", "yaml:processors::batch::timeout: 2s"}, set.ConfigProviderSettings.ResolverSettings.URIs)
	require.Equal(t, "env", set.ConfigProviderSettings.ResolverSettings.DefaultScheme)
	require.ErrorContains(t, (&configFlagValue{}).apply(&otelcol.CollectorSettings{}), "config flag")
}
