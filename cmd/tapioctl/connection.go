// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
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
)

const (
	// A trace comes in one message, however large.
	maxReceiveBytes = 256 << 20
	// The transport must not sleep longer than follow does between attempts.
	maxRedialDelay = 5 * time.Second
)

// dial makes the connection that the flags describe. It connects with the first
// call only.
func (a *app) dial() (*grpc.ClientConn, error) {
	f := &a.flags
	if strings.HasPrefix(f.server, "http://") || strings.HasPrefix(f.server, "https://") {
		return nil, usageErrorf("--server %s: give host:port without http://; --tls turns encryption on", f.server)
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
	if says := f.authorization(); says != "" {
		a.warnOfOpenToken()
		options = append(options, grpc.WithPerRPCCredentials(authorization{says}))
	}
	options = append(options, a.noteOptions()...)
	conn, err := grpc.NewClient(f.server, append(options, a.dialOptions...)...)
	if err != nil {
		return nil, usageErrorf("--server %s: %v", f.server, err)
	}
	return conn, nil
}

func (f *globalFlags) wantsTLS() bool {
	return f.tls || f.tlsCACert != "" || f.tlsCert != "" || f.tlsKey != "" || f.tlsServerName != ""
}

func (f *globalFlags) transport() (credentials.TransportCredentials, error) {
	config, err := f.tlsConfig()
	if err != nil {
		return nil, err
	}
	if config == nil {
		return insecure.NewCredentials(), nil
	}
	return credentials.NewTLS(config), nil
}

// tlsConfig is what the flags say of encryption, nil for none.
func (f *globalFlags) tlsConfig() (*tls.Config, error) {
	if !f.wantsTLS() {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.tlsServerName}
	if f.tlsCACert != "" {
		pem, err := os.ReadFile(f.tlsCACert)
		if err != nil {
			return nil, usageErrorf("--tls-ca-cert: %v", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usageErrorf("--tls-ca-cert: %s holds no PEM certificate", f.tlsCACert)
		}
	}
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return nil, usageErrorf("--tls-cert and --tls-key: give both or none")
	}
	if f.tlsCert != "" {
		pair, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
		if err != nil {
			return nil, usageErrorf("--tls-cert, --tls-key: %v", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// warnOfOpenToken says when the token crosses a network that others can read.
func (a *app) warnOfOpenToken() {
	if a.flags.wantsTLS() || strings.HasPrefix(a.flags.server, "unix:") {
		return
	}
	host, _, err := net.SplitHostPort(a.flags.server)
	if ip := net.ParseIP(host); err == nil && (host == "localhost" || ip != nil && ip.IsLoopback()) {
		return
	}
	a.note("the token or password travels unencrypted to %s: add --tls", a.flags.server)
}

// authorization is the header that says who asks, "" for nobody.
func (f *globalFlags) authorization() string {
	switch {
	case f.token != "":
		return "Bearer " + f.token
	case f.user != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(f.user+":"+f.password))
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
// or behind a mesh; warnOfOpenToken speaks up about the rest.
func (authorization) RequireTransportSecurity() bool { return false }
