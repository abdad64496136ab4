// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
)

const (
	// A trace comes in one message, however large.
	maxReceiveBytes = 256 << 20
	// The transport must not sleep longer than follow does between attempts.
	maxRedialDelay = 5 * time.Second
)

// Dial makes the connection that the flags describe. It connects with the first
// call only.
func (f *Flags) Dial(o *render.Output, version string, extra ...grpc.DialOption) (*grpc.ClientConn, error) {
	if strings.HasPrefix(f.Server, "http://") || strings.HasPrefix(f.Server, "https://") {
		return nil, exitcode.UsageErrorf("--server %s: give host:port without http://; --tls turns encryption on", f.Server)
	}
	transport, err := f.transport()
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithUserAgent("tapioctl/" + version),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReceiveBytes)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 500 * time.Millisecond, Multiplier: 2, MaxDelay: maxRedialDelay},
			MinConnectTimeout: maxRedialDelay,
		}),
	}
	if says := f.Authorization(); says != "" {
		f.WarnOfOpenToken(o)
		options = append(options, grpc.WithPerRPCCredentials(authorization{says}))
	}
	options = append(options, noteOptions(o)...)
	conn, err := grpc.NewClient(cmp.Or(f.Target, f.Server), append(options, extra...)...)
	if err != nil {
		return nil, exitcode.UsageErrorf("--server %s: %v", f.Server, err)
	}
	return conn, nil
}

// WantsTLS reports whether a flag asks for encryption.
func (f *Flags) WantsTLS() bool {
	return f.TLS || f.TLSCACert != "" || f.TLSCert != "" || f.TLSKey != "" || f.TLSServerName != ""
}

func (f *Flags) transport() (credentials.TransportCredentials, error) {
	config, err := f.TLSConfig()
	if err != nil {
		return nil, err
	}
	if config == nil {
		return insecure.NewCredentials(), nil
	}
	return credentials.NewTLS(config), nil
}

// TLSConfig is what the flags set for encryption, nil for none.
func (f *Flags) TLSConfig() (*tls.Config, error) {
	if !f.WantsTLS() {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.TLSServerName}
	if f.TLSCACert != "" {
		pem, err := os.ReadFile(f.TLSCACert)
		if err != nil {
			return nil, exitcode.UsageErrorf("--tls-ca-cert: %v", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, exitcode.UsageErrorf("--tls-ca-cert: %s holds no PEM certificate", f.TLSCACert)
		}
	}
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return nil, exitcode.UsageErrorf("--tls-cert and --tls-key: give both or none")
	}
	if f.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
		if err != nil {
			return nil, exitcode.UsageErrorf("--tls-cert, --tls-key: %v", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// WarnOfOpenToken reports when the token crosses a network that others can read.
func (f *Flags) WarnOfOpenToken(o *render.Output) {
	if f.WantsTLS() || f.Target != "" || strings.HasPrefix(f.Server, "unix:") {
		return
	}
	host, _, err := net.SplitHostPort(f.Server)
	if ip := net.ParseIP(host); err == nil && (host == "localhost" || ip != nil && ip.IsLoopback()) {
		return
	}
	o.Note("the token or password travels unencrypted to %s: add --tls", f.Server)
}

// Authorization is the value of the authorization header, "" without credentials.
func (f *Flags) Authorization() string {
	switch {
	case f.Token != "":
		return "Bearer " + f.Token
	case f.User != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(f.User+":"+f.Password))
	default:
		return ""
	}
}

// authorization sends the header with every call.
type authorization struct{ header string }

func (a authorization) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": a.header}, nil
}

// RequireTransportSecurity lets a token through to a server on the same machine
// or behind a mesh; WarnOfOpenToken speaks up about the rest.
func (authorization) RequireTransportSecurity() bool { return false }
