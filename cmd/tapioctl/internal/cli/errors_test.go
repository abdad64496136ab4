// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/cmd/tapioctl/internal/dial"
	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func badRequest(t *testing.T) error {
	t.Helper()
	s, err := status.New(codes.InvalidArgument, "bad").WithDetails(&errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "filter.label_selectors[0].values", Description: `"(" is not a valid RE2 expression`},
			{Field: "filter.limit", Description: "at most 10000"},
		},
	})
	require.NoError(t, err)
	return s.Err()
}

func TestErrorsOfTheServer(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		code int
		want string
	}{
		"fields": {
			badRequest(t), exitcode.Usage,
			`the server refuses the request: filter.label_selectors[0].values: "(" is not a valid RE2 expression; filter.limit: at most 10000`,
		},
		"field in prose": {status.Error(codes.InvalidArgument, "id: required"), exitcode.Usage, "the server refuses the request: id: required"},
		"not found":      {status.Error(codes.NotFound, "no event x"), exitcode.Refused, "not found: no event x"},
		"no token": {
			status.Error(codes.Unauthenticated, "missing token"), exitcode.Refused,
			"passthrough:///fake denies access: missing token: pass a valid --token (or TAPIO_TOKEN), " +
				"or --user with its password in TAPIO_PASSWORD",
		},
		"no right": {status.Error(codes.PermissionDenied, "ann may not write"), exitcode.Refused, "passthrough:///fake denies access: ann may not write"},
		"no room": {
			status.Error(codes.ResourceExhausted, "1000 streams are open"), exitcode.Refused,
			"the server at passthrough:///fake is out of capacity: 1000 streams are open",
		},
		"no receiver": {
			status.Error(codes.FailedPrecondition, "add a receiver"), exitcode.Refused,
			"the server at passthrough:///fake is not set up for this: add a receiver",
		},
		"unimplemented": {
			status.Error(codes.Unimplemented, "no engine"), exitcode.Refused,
			"the server at passthrough:///fake does not answer this: no engine",
		},
		"not ready": {
			status.Error(codes.Unavailable, "pipelines start"), exitcode.Unreachable,
			"the server at passthrough:///fake is not ready: pipelines start: try again in a moment",
		},
		"failure of two lines": {
			status.Error(codes.Internal, "a\nb"), exitcode.Refused,
			`the server at passthrough:///fake failed: Internal: a\nb`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCLI(t, &fakeServer{eventByID: func(*tapiov1.GetEventByIdRequest) (*tapiov1.GetEventByIdResponse, error) {
				return nil, test.err
			}})
			r := c.run(t, "get", "event", "x")
			assert.Equal(t, test.code, r.code)
			assert.Equal(t, "tapioctl: "+test.want+"\n", r.errOut)
			assert.Empty(t, r.out)
		})
	}
}

var errRefused = errors.New("connection refused")

func TestServerNotReachable(t *testing.T) {
	c := newCLI(t, &fakeServer{})
	c.app.DialOptions = []grpc.DialOption{grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) {
		return nil, errRefused
	})}
	for _, args := range [][]string{{"status"}, {"observe"}, {"observe", "-f"}, {"get", "logs"}, {"export", "metrics"}} {
		r := c.run(t, args...)
		assert.Equal(t, exitcode.Unreachable, r.code, args)
		assert.Contains(t, r.errOut, "server not reachable at passthrough:///fake: is tapio running there?", args)
		assert.Equal(t, 1, strings.Count(r.errOut, "\n"))
	}
}

// The reset of a connection may overtake the reason that the server gave for it.
func TestAdviceOnAServerThatHangsUp(t *testing.T) {
	messages := []string{
		`connection error: desc = "error reading server preface: read tcp 127.0.0.1:1->127.0.0.1:2: connection reset by peer"`,
		"write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe",
	}
	for want, flags := range map[string]dial.Flags{
		"does it want TLS (--tls)?":                    {},
		"give --tls-cert and --tls-key":                {TLSCACert: "ca.pem"},
		"does it trust the certificate of --tls-cert?": {TLSCert: "client.pem", TLSKey: "client.key"},
	} {
		for _, message := range messages {
			assert.Contains(t, flags.Unavailable(message), want)
		}
	}
}

func TestTimeout(t *testing.T) {
	fake := servingFake()
	fake.info = func() (*tapiov1.GetServiceInfoResponse, error) {
		return nil, status.Error(codes.DeadlineExceeded, "context deadline exceeded")
	}
	c := newCLI(t, fake)
	r := c.run(t, "status", "--timeout", "3s")
	assert.Equal(t, exitcode.Unreachable, r.code)
	assert.Contains(t, r.errOut, "no answer from passthrough:///fake within 3s: raise --timeout")
	assert.Equal(t, exitcode.Usage, c.run(t, "status", "--timeout", "0s").code)
}

func TestCallsCarryTheDeadline(t *testing.T) {
	fake := servingFake()
	requireSuccess(t, newCLI(t, fake).run(t, "status", "--timeout", "1h"))
	deadline, bounded := fake.lastContext.Deadline()
	require.True(t, bounded)
	assert.Greater(t, time.Until(deadline), 10*time.Second, "it is not the default")
}

func TestInterruptedQuestion(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newCLI(t, &fakeServer{})
	r := c.runContext(ctx, "get", "logs")
	assert.Equal(t, result{code: exitcode.Refused, errOut: "tapioctl: interrupted\n"}, r)
	assert.Equal(t, result{code: exitcode.OK}, c.runContext(ctx, "observe"), "a live view ends quietly")
}

// brokenPipe is a reader that went away.
type brokenPipe struct{}

var errBrokenPipe = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errBrokenPipe }

func TestOutputThatCannotBeWritten(t *testing.T) {
	c := newCLI(t, &fakeServer{})
	c.app.Out.Reset(brokenPipe{})
	r := c.run(t, "version")
	assert.Equal(t, exitcode.Refused, r.code)
	assert.Equal(t, "tapioctl: cannot write the output: broken pipe\n", r.errOut)
}

func TestVersionCompletionAndHelp(t *testing.T) {
	c := newCLI(t, &fakeServer{})
	assert.Regexp(t, `^tapioctl \S+ \(go1\S+, \w+/\w+\)\n$`, c.run(t, "version").out)
	assert.Contains(t, c.run(t, "completion", "bash").out, "__start_tapioctl")
	assert.Contains(t, c.run(t, "__complete", "observe", "--severity", "").out, "warn\nerror\nfatal\n")

	c.env["TAPIO_TOKEN"] = "s3cret"
	help := c.run(t, "--help")
	requireSuccess(t, help)
	assert.Contains(t, help.out, "3  the server is not reachable")
	assert.NotContains(t, help.out, "s3cret")
	assert.Equal(t, exitcode.Usage, c.run(t, "frobnicate").code)
}

// Faults in the arguments are one line that a person understands.
func TestFaultsInTheArguments(t *testing.T) {
	for want, args := range map[string][]string{
		`unknown command "foo" for "tapioctl": did you mean top; see tapioctl --help`:                       {"foo"},
		`invalid argument "-1" for "--last" flag: "-1": write a number; see tapioctl observe --help`:        {"observe", "--last=-1"},
		`missing argument: ID; see tapioctl get event --help`:                                               {"get", "event"},
		`unexpected argument "b" after ID "a"; see tapioctl get event --help`:                               {"get", "event", "a", "b"},
		`unknown command "insight" for "tapioctl get": did you mean insights?; see tapioctl get --help`:     {"get", "insight"},
		`unknown flag: --servic: did you mean --server or --service?; see tapioctl get logs --help`:         {"get", "logs", "--servic", "x"},
		`--state "ajar": use one of open, growing, closed, merged, recovering, resolved, unknown, reopened`: {"get", "groups", "--state", "ajar"},
		`missing argument: one of get, set; see tapioctl config --help`:                                     {"config"},
	} {
		r := newCLI(t, &fakeServer{}).run(t, args...)
		assert.Equal(t, exitcode.Usage, r.code)
		assert.Equal(t, "tapioctl: "+want+"\n", r.errOut)
	}
}

func TestNumbersAreForReading(t *testing.T) {
	for want, f := range map[string]float64{"33495.63": 33495.630000000005, "0.1": 0.1, "2128445440": 2128445440, "0.333333333333": 1.0 / 3, "-7": -7} {
		assert.Equal(t, want, render.Rounded(f))
	}
}
