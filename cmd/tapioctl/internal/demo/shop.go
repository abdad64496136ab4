// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// The names of the processes, as service.name has them. They are host names
// within the shop too.
const (
	storefront     = "storefront"
	catalog        = "catalog"
	recommendation = "recommendation"
	cart           = "cart"
	checkout       = "checkout"
	inventory      = "inventory"
	payment        = "payment"
	shipping       = "shipping"
	cache          = "cart-cache"
	queue          = "order-queue"
	database       = "payments-db"
	bank           = "bank-api"
	loadGenerator  = "load-generator"
)

// release is the version that services run unless a fault changes it.
const release = "1.4.0"

// processes lists every process in the order in which they start: what others
// call comes first.
func processes() []string {
	return []string{
		database, cache, queue, bank,
		inventory, payment, cart, catalog, recommendation, shipping, checkout, storefront,
		loadGenerator,
	}
}

// instrumented reports whether the service carries the OpenTelemetry SDK.
func instrumented(service string) bool {
	switch service {
	case database, cache, queue, bank, loadGenerator:
		return false
	}
	return true
}

// settings are what a process reads from its standard input, as one line of
// JSON, before it starts.
type settings struct {
	Service string `json:"service"`
	Version string `json:"version"`
	// OTLP is the URL of the OTLP/HTTP endpoint, as in OTEL_EXPORTER_OTLP_ENDPOINT.
	OTLP string `json:"otlp"`
	// Addresses has the host:port of each process by name.
	Addresses map[string]string `json:"addresses"`
	// Rate is the number of requests that the load generator makes each second.
	Rate float64 `json:"rate"`
	// Faults are those active from the start.
	Faults []string `json:"faults,omitempty"`
}

// url is the address of a route. Its host is a name of the shop, which dial
// resolves, as the DNS of a cluster would.
func url(service, path string) string { return "http://" + service + path }

// dial connects to a process of the shop by its name.
func (s settings) dial(ctx context.Context, _, address string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	target, known := s.Addresses[name]
	if !known {
		return nil, fmt.Errorf("lookup %s: no such host", name)
	}
	return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "tcp", target)
}

// connectAttempts is how often a connection is tried that is refused: a service
// that is being replaced is back within a second.
const connectAttempts = 4

// dialAgain connects as the proxy of a service mesh does: it tries again where no
// one listens.
func (s settings) dialAgain(ctx context.Context, network, address string) (net.Conn, error) {
	delay := 100 * time.Millisecond
	for attempt := 1; ; attempt++ {
		conn, err := s.dial(ctx, network, address)
		if attempt == connectAttempts || !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		pause(ctx, delay)
		delay *= 2
	}
}
