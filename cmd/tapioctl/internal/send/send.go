// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package send

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/client"
	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/profile"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// sendFlags are those of send.
type sendFlags struct {
	format    selector.Choice // of the input
	output    selector.Choice // of the summary
	packing   selector.Choice // on the network
	batchSize int
	rate      float64
	sender    string
	retryFor  time.Duration
	strict    bool // a part of the input that cannot be sent ends the command

	// Of lines of text only, which have no fields of their own.
	service, eventName string
	severity           selector.Choice
}

// NewCommand makes `tapioctl send`.
func NewCommand(a *app.App) *cobra.Command {
	f := &sendFlags{
		format:   selector.NewChoice("auto", "auto", "json", "text"),
		output:   selector.NewChoice("text", "text", "json"),
		packing:  selector.NewChoice("none", "none", "gzip", "zstd", "lz4", "snappy"),
		severity: selector.NewSeverityChoice(),
	}
	cmd := &cobra.Command{
		Use:   "send [FILE...]",
		Short: "Send events from files or standard input, each stored once",
		Long: `Send events from files, or from standard input without a file or for -, and wait
until the server has stored them. Cuts of the connection are waited out: what
was not acknowledged is sent again, and stored once.

The input is JSON or text. JSON is values one after the other: events as
tapioctl prints them with -o json or -o jsonpb, or OTLP logs (resourceLogs). In
text each line that is not empty is the body of an event. The first character
decides: a brace means JSON. A byte order mark is ignored and UTF-16 is
converted; a line of text that is not UTF-8 is read as Windows-1252.

A line or value that cannot be sent is skipped, reported and counted; --strict
stops there instead. The exit code is 0 when everything is stored, 1 when the
server refused some of it, 2 when a flag is wrong or some of the input was
skipped, 3 when the server was not reachable.`,
		Example: `  tapioctl observe events --since 1h -o jsonpb > events.jsonl
  tapioctl send --server other:4417 events.jsonl
  tapioctl send --rate 1000 --batch-size 200 otlp-logs.json
  journalctl -f -o cat | tapioctl send --service myhost --event-name journal.line`,
		RunE: func(cmd *cobra.Command, args []string) error { return sendFiles(cmd.Context(), a, f, args) },
	}
	flags := cmd.Flags()
	selector.AddChoice(cmd, flags, &f.format, "format", "", "what the input is")
	selector.AddChoice(cmd, flags, &f.output, "output", "o", "format of the summary")
	selector.AddChoice(cmd, flags, &f.packing, "compression", "", "how batches are compressed on the network")
	flags.IntVar(&f.batchSize, "batch-size", 1000, "the most events in a batch")
	flags.Float64Var(&f.rate, "rate", 0, "the most events a second; 0: as fast as the server takes them")
	flags.StringVar(&f.sender, "sender", "", "name by which the server knows batches that come again (default a random one)")
	flags.DurationVar(&f.retryFor, "retry-for", 5*time.Minute, "give up when the server has acknowledged nothing for so long")
	flags.BoolVar(&f.strict, "strict", false, "stop at the first line or value that cannot be sent instead of skipping it")
	flags.StringVar(&f.service, "service", "", "text: the service.name of the events")
	flags.StringVar(&f.eventName, "event-name", "", "text: the name of the events")
	selector.AddChoice(cmd, flags, &f.severity, "severity", "", "text: the severity of the events")
	cmd.AddCommand(newSendChangeCommand(a), profile.NewUploadCommand(a, "profile FILE...", "tapioctl send profile"))
	return cmd
}

func (f *sendFlags) check() error {
	switch {
	case f.batchSize < 1 || f.batchSize > protoconv.MaxBatchEvents:
		return exitcode.UsageErrorf("--batch-size must be 1 to %d, is %d", protoconv.MaxBatchEvents, f.batchSize)
	case !(f.rate >= 0 && f.rate < 1e9):
		return exitcode.UsageErrorf("--rate must be above 0, or 0 for no bound, is %g", f.rate)
	case f.retryFor <= 0:
		return exitcode.UsageErrorf("--retry-for must be above 0, is %v", f.retryFor)
	case len(f.sender) > 100:
		return exitcode.UsageErrorf("--sender must have at most 100 bytes, has %d", len(f.sender))
	default:
		return nil
	}
}

// lastAcks is how long an interrupted command waits for what is under way.
const lastAcks = 5 * time.Second

// sendFiles reads all input, writes it, and reports what became of it.
func sendFiles(ctx context.Context, a *app.App, f *sendFlags, files []string) error {
	if err := f.check(); err != nil {
		return err
	}
	conn, err := a.Flags.Dial(a.Out, a.Version, a.DialOptions...)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // all is acknowledged, or given up
	messageBytes, err := reach(ctx, a, conn)
	if err != nil {
		return err
	}
	report := newSendReport(a)
	sending, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	writer := client.NewWriter(conn, client.WriterOptions{ //nolint:contextcheck // a writer ends with its Close, which waits for the last answers
		Sender: f.sender, BatchEvents: f.batchSize, MessageBytes: messageBytes, Compression: f.compression(), Done: report.settle,
	})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		report.watch(sending, writer, f.retryFor, giveUp)
	}()
	reading := make(chan error, 1)
	go func() { reading <- sendAll(sending, a, f, files, writer, report) }()
	var inputErr error
	select {
	case inputErr = <-reading:
	case <-sending.Done(): // a terminal or pipe may never be read to its end
	}
	flushing, done := context.WithCancel(sending)
	if ctx.Err() != nil { // interrupted: what is under way may still be acknowledged
		flushing, done = context.WithTimeout(context.WithoutCancel(ctx), lastAcks)
	}
	closeErr := writer.Close(flushing)
	cause := context.Cause(sending)
	done()
	giveUp(nil)
	<-watched
	printSummary(a, f.output.Value, report.summary(writer.Stats()))
	return report.verdict(ctx, inputErr, closeErr, cause)
}

// reach reports a server that is not there at once, and not after --retry-for, and
// asks how long a message may be. A server that answers with a refusal is there:
// writing may be all that is allowed.
func reach(ctx context.Context, a *app.App, conn *grpc.ClientConn) (messageBytes int, err error) {
	info, err := app.Call(ctx, a, tapiov1.NewCollectorServiceClient(conn).GetServerInfo, &tapiov1.GetServerInfoRequest{})
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Unauthenticated, codes.Canceled:
		return 0, err
	default:
		return int(info.GetService().GetMaxReceiveMessageBytes()), nil
	}
}

func (f *sendFlags) compression() tapiov1.Compression {
	return tapiov1.Compression(tapiov1.Compression_value["COMPRESSION_"+strings.ToUpper(f.packing.Value)])
}

// sendAll writes the events of all files; the error is of the input.
func sendAll(ctx context.Context, a *app.App, f *sendFlags, files []string, writer *client.Writer, report *sendReport) error {
	if len(files) == 0 {
		files = []string{"-"}
	}
	limiter := rate.NewLimiter(rate.Inf, 0)
	if f.rate > 0 {
		limiter = rate.NewLimiter(rate.Limit(f.rate), int(max(f.rate/10, 1)))
	}
	for _, name := range files {
		if err := sendFile(ctx, a, f, name, writer, report, limiter); err != nil {
			return err
		}
	}
	return nil
}

func sendFile(
	ctx context.Context, a *app.App, f *sendFlags, name string, writer *client.Writer, report *sendReport, limiter *rate.Limiter,
) error {
	file, shown := io.NopCloser(a.In), "stdin"
	if name != "-" {
		var err error
		if file, err = os.Open(name); err != nil {
			return exitcode.UsageErrorf("cannot read the input: %v", err)
		}
		shown = name
	}
	defer func() { _ = file.Close() }() // it was only read
	input, err := newSendInput(a, file, shown, f)
	if err != nil {
		return err
	}
	for {
		item, err := input.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		ended := sendItemEvents(ctx, &item, writer, report, limiter)
		if err := report.readItem(&item, f.strict); err != nil || ended {
			return err
		}
	}
}

// sendItemEvents writes the events of one line or value; ended: nothing more can
// be written, and the writer's Close returns why.
func sendItemEvents(
	ctx context.Context, item *sendItem, writer *client.Writer, report *sendReport, limiter *rate.Limiter,
) (ended bool) {
	for _, event := range item.events {
		if limiter.Wait(ctx) != nil {
			return true
		}
		report.read(item.at)
		err := writer.Write(ctx, event)
		if err == nil {
			continue
		}
		report.unread()
		long, ok := errors.AsType[*client.EventTooLongError](err)
		if !ok {
			return true
		}
		item.skip("too long", "the event has %d bytes, the server accepts at most %d: shorten it, or raise "+
			"grpc::max_recv_msg_size_mib of the server", long.Bytes, long.Most)
	}
	return false
}

// severityNumber is the lowest of a class, 0 without one.
func (f *sendFlags) severityNumber() logsv1.SeverityNumber {
	for i, word := range f.severity.Words {
		if word == f.severity.Value {
			return logsv1.SeverityNumber(1 + 4*i)
		}
	}
	return logsv1.SeverityNumber_SEVERITY_NUMBER_UNSPECIFIED
}
