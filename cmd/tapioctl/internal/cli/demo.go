// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/demo"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const demoHelp = `Run a small web shop that sends telemetry to a Tapio server, break it in one way,
and watch the server find the cause.

The shop is eight services with the OpenTelemetry SDK, and a database, a cache, a
queue, the API of a bank and a load generator without it. Each is a process on this
host, listens on a free port of the loopback interface, and ends with this command.
Traces, logs and metrics go to the server's OTLP/HTTP endpoint, that of --server with
port 4318 unless --otlp-endpoint names another one. The OTEL_EXPORTER_OTLP_HEADERS
variable applies, as to every SDK; so does OTEL_EXPORTER_OTLP_CERTIFICATE, by default
the file of --tls-ca-cert.

Faults, with the key that turns each on and off while it runs on a terminal:
`

func newDemoCommand(a *app.App) *cobra.Command {
	f := &demoFlags{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a small shop with faults to find, against a server",
		Long:  demoHelp + demo.Menu(),
		Example: `  make demo                                            # a collector and the shop
  tapioctl demo --fault payment-db-slow                # a fault after two and a half minutes
  tapioctl demo --fault cache-down --fault-for 1m      # which ends, so that the incident is resolved
  tapioctl demo --fault bad-release --fault-after 5m --duration 15m`,
		Args: cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error { return runDemo(ctx, a, c, f) }),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.fault, "fault", "", "fault to start with, after --fault-after (default none: the shop is healthy)")
	flags.DurationVar(&f.faultAfter, "fault-after", 150*time.Second, "time from the start to the fault; the server learns meanwhile what is normal")
	flags.DurationVar(&f.faultFor, "fault-for", 0, "time from the fault's start to its end; 0: until its key is pressed, or the shop ends")
	flags.DurationVar(&f.duration, "duration", 0, "stop after this time; 0: run until Ctrl-C")
	flags.Float64Var(&f.rate, "rate", 8, "requests per second that visitors make, at most 100")
	flags.StringVar(&f.otlp, "otlp-endpoint", "", "URL of the server's OTLP/HTTP endpoint (default that of --server with port 4318)")
	flags.StringVar(&f.ui, "ui", "", "URL of the server's web UI, for links (default that of --server with port 4418)")
	cmd.AddCommand(newDemoServiceCommand(a))
	return cmd
}

// newDemoServiceCommand is one process of the shop. People do not call it.
func newDemoServiceCommand(a *app.App) *cobra.Command {
	return &cobra.Command{
		Use:    "service",
		Short:  "Run one process of the shop, as its standard input describes",
		Hidden: true,
		Args:   cobra.NoArgs,
		// It needs no server and no settings of the user.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := demo.RunService(cmd.Context(), a.In); err != nil {
				return &exitcode.Error{Code: exitcode.Refused, Message: err.Error()}
			}
			return nil
		},
	}
}

func runDemo(ctx context.Context, a *app.App, c app.Clients, f *demoFlags) error {
	if err := f.complete(&a.Flags); err != nil {
		return err
	}
	if _, err := app.Call(ctx, a, c.Tapio.HealthCheck, &tapiov1.HealthCheckRequest{}); err != nil {
		failure := a.Flags.Explain(err)
		if failure.Code == exitcode.Unreachable {
			failure.Message += ": start one with `make run`, or both with `make demo`"
		}
		return failure
	}
	if err := checkOTLP(ctx, a, f.otlp); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return &exitcode.Error{Code: exitcode.Refused, Message: "find this program: " + err.Error()}
	}
	if f.duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.duration)
		defer cancel()
	}
	d := &demoRun{app: a, flags: f, clients: c, began: a.Out.Now(), seen: map[string]string{}}
	d.shop, err = demo.Start(ctx, demo.Options{
		Program: program, Child: []string{"demo", "service"}, OTLP: f.otlp, Rate: f.rate, Report: d.report,
		Environment: certificateVariable(a),
	})
	if err != nil {
		return app.QuietOnInterrupt(ctx, &exitcode.Error{Code: exitcode.Refused, Message: "start the shop: " + err.Error()})
	}
	defer d.shop.Stop()
	return d.run(ctx)
}

// demoRun is a running demo.
type demoRun struct {
	app     *app.App
	flags   *demoFlags
	clients app.Clients
	shop    *demo.Shop
	began   time.Time

	// printing is held while lines are printed.
	printing sync.Mutex

	seen        map[string]string // incidents by ID, with what was printed of each
	unreachable bool              // it was reported that the server does not answer
}

// report prints a line with the time.
func (d *demoRun) report(line string) {
	d.Print(func() {
		fmt.Fprintf(d.app.Out, "%s %s\n", d.app.Out.Now().UTC().Format(time.TimeOnly), render.OneLine(line))
	})
}

// Print runs what writes to the output, and flushes it.
func (d *demoRun) Print(write func()) {
	d.printing.Lock()
	defer d.printing.Unlock()
	write()
	_ = d.app.Out.Flush() // run reports the error at the end
}

// run turns faults on and off and reports incidents until the context is done.
func (d *demoRun) run(ctx context.Context) error {
	keys, restore := readKeyPresses(d.app)
	defer restore()
	d.printBeginning(keys != nil)
	var starts, ends <-chan time.Time
	if d.flags.fault != "" {
		starts = time.After(d.flags.faultAfter)
	}
	poll := time.NewTicker(pollIncidents)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			d.report("ending the shop")
			return nil
		case <-starts:
			d.turn(d.flags.fault, true)
			if d.flags.faultFor > 0 {
				ends = time.After(d.flags.faultFor)
			}
		case <-ends:
			d.turn(d.flags.fault, false)
		case key, open := <-keys:
			if !open {
				keys = nil
			} else if !d.press(key) {
				return nil
			}
		case <-poll.C:
			d.lookForIncidents(ctx)
		}
	}
}

func (d *demoRun) printBeginning(keys bool) {
	d.Print(func() {
		fmt.Fprintf(d.app.Out, `The shop runs: %d processes, %v requests per second, telemetry to %s.

  web UI     %s/            incidents and services; %s/map the calls between services
  terminal   tapioctl observe incidents -f --server %s
  shop       %s

`, d.shop.Size(), d.flags.rate, d.flags.otlp, d.flags.ui, d.flags.ui, d.app.Flags.Server, d.shop.URL())
		switch {
		case d.flags.fault != "":
			fmt.Fprintf(d.app.Out, "%s starts in %v%s; the server learns until then what is normal. Incidents are listed here.\n", d.flags.fault, d.flags.faultAfter, d.flags.end())
		case keys:
			fmt.Fprintf(d.app.Out, "All is well. After two and a half minutes, press a key to break it:\n")
		default:
			d.app.Out.WriteText("All is well, and stays so without --fault.\n")
		}
		if keys {
			fmt.Fprintf(d.app.Out, "%s  q  end; ? this list\n", demo.Menu())
		}
	})
}

// press handles a key and returns false to end.
func (d *demoRun) press(key byte) bool {
	faults := demo.Faults()
	switch n := int(key - '1'); {
	case key == 'q', key == 3, key == 4: // or Ctrl-C, Ctrl-D
		return false
	case key == '?', key == 'h':
		d.Print(func() { d.app.Out.WriteText(demo.Menu()) })
	case key >= '1' && n < len(faults):
		d.toggle(faults[n])
	}
	return true
}

// turn has the fault of the name on or off; a key may have done so before.
func (d *demoRun) turn(name string, on bool) {
	for _, f := range demo.Faults() {
		if f.Name == name && d.shop.Active(f) != on {
			d.toggle(f)
		}
	}
}

func (d *demoRun) toggle(f demo.Fault) {
	on, err := d.shop.Toggle(f)
	switch {
	case err != nil:
		d.report(fmt.Sprintf("fault %s: %v", f.Name, err))
	case on:
		d.report(fmt.Sprintf("fault %s starts: %s", f.Name, f.Description))
	default:
		d.report("fault " + f.Name + " ends")
	}
}
