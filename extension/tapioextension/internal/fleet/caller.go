// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// Caller acts on the registry for a client. A collector belongs to the subject that
// registered it: only that one renews the registration and beats, and only that one
// or an administrator reads its configuration, changes it or ends the registration.
// Collectors that were registered without a subject belong to no one.
type Caller struct {
	*Registry
	// Subject is who the client is by its authentication, "" where that is unknown.
	Subject string
	// Admin is set for clients that may act for every collector.
	Admin bool
}

// As returns the registry as a client may use it.
func (r *Registry) As(subject string, admin bool) Caller {
	return Caller{Registry: r, Subject: subject, Admin: admin}
}

func (c Caller) owns(m *member) bool { return m.owner == "" || m.owner == c.Subject }

// denied does not say who the owner is.
func denied(id string) error {
	return status.Errorf(codes.PermissionDenied, "collector %q belongs to another subject: use the credentials it was registered with, "+
		"or those of a subject under access::admin to change or remove it", id)
}

// find returns a member that the caller owns, or administers.
func (c Caller) find(id string, admin bool) (*member, error) {
	m, err := c.Registry.find(id)
	if err == nil && !c.owns(m) && (!admin || !c.Admin) {
		return nil, denied(id)
	}
	return m, err
}

// Register is Registry.Register for a collector that the caller owns from then on.
func (c Caller) Register(collector *tapiov1.Collector, protocol string, interval time.Duration) (*tapiov1.Collector, error) {
	return c.register(collector, protocol, interval, &c)
}

// Unregister is Registry.Unregister for a collector of the caller's. It reports
// whether a configuration went with it.
func (c Caller) Unregister(id string) (configured bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.find(id, true)
	if err != nil {
		return false, err
	}
	c.drop(m, "unregistered")
	return m.config != nil, nil
}

// Beat is Registry.Beat for a collector of the caller's.
func (c Caller) Beat(id string, report *tapiov1.CollectorStatus, answer *tapiov1.ConfigStatus) error {
	return c.beat(id, report, answer, &c)
}

// Configure is Registry.Configure for a collector of the caller's.
func (c Caller) Configure(req *tapiov1.UpdateConfigRequest) (*tapiov1.CollectorConfig, error) {
	return c.configure(req, &c)
}

// Config is Registry.Config for a collector of the caller's.
func (c Caller) Config(id string) (*tapiov1.CollectorConfig, *tapiov1.ConfigStatus, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, err := c.find(id, true)
	if err != nil {
		return nil, nil, err
	}
	config, answer := m.configAndAnswer()
	return config, answer, nil
}
