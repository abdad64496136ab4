// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"fmt"
	"net"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configgrpc"

	"github.com/tapio/tapio/internal/backend/federation"
)

// MembersConfig names other servers of this kind, whose telemetry is part of every
// answer. Without one, answers come from the store of this server alone.
type MembersConfig struct {
	// Endpoints are the gRPC addresses of members, such as node-1:4417.
	Endpoints []string `mapstructure:"endpoints"`
	// DNS are names with a port, such as tapio.monitoring.svc:4417: every address of the name is a member.
	// A headless service of Kubernetes is such a name.
	DNS []string `mapstructure:"dns"`
	// RefreshInterval is how often the names are resolved. Accepted: 1s or more.
	RefreshInterval time.Duration `mapstructure:"refresh_interval"`
	// Timeout is the time that a member has for one call. One that takes longer is missing from the
	// answer, which names it. Accepted: 10ms or more.
	Timeout time.Duration `mapstructure:"timeout"`
	// MaxCalls is the number of concurrent calls to one member. Further calls wait. Accepted: 1 or more.
	MaxCalls int `mapstructure:"max_calls"`
	// Client configures the connections to members: tls, auth, headers, compression and so on. TLS is off
	// by default (`tls::insecure: true`). Its endpoint must be empty.
	Client configgrpc.ClientConfig `mapstructure:"client"`
}

const minMemberTimeout = 10 * time.Millisecond

func defaultMembers() MembersConfig {
	client := configgrpc.NewDefaultClientConfig()
	client.BalancerName = "pick_first" // each address is a member of its own
	client.TLS.Insecure = true         // as the server is by default
	client.Keepalive.Get().Time = 15 * time.Second
	return MembersConfig{RefreshInterval: 30 * time.Second, Timeout: 5 * time.Second, MaxCalls: 16, Client: client}
}

// enabled reports whether there are members.
func (c *MembersConfig) enabled() bool { return len(c.Endpoints)+len(c.DNS) > 0 }

// Validate checks the addresses and the bounds.
func (c *MembersConfig) Validate() error {
	var errs []error
	for key, list := range map[string][]string{"endpoints": c.Endpoints, "dns": c.DNS} {
		known := map[string]bool{}
		for i, address := range list {
			switch host, port, err := net.SplitHostPort(address); {
			case err != nil || host == "" || port == "":
				errs = append(errs, fmt.Errorf("%s[%d]: %q is no address: write host:port, for example tapio-0:4417", key, i, address))
			case known[address]:
				errs = append(errs, fmt.Errorf("%s[%d]: %q is listed twice", key, i, address))
			}
			known[address] = true
		}
	}
	if n := len(c.Endpoints); n >= federation.MaxMembers {
		errs = append(errs, fmt.Errorf("endpoints: has %d entries, the most is %d", n, federation.MaxMembers-1))
	}
	if c.RefreshInterval < time.Second {
		errs = append(errs, fmt.Errorf("refresh_interval: must be 1s or more, is %s: write a number with its unit, for example 30s", c.RefreshInterval))
	}
	if c.Timeout < minMemberTimeout {
		errs = append(errs, fmt.Errorf("timeout: must be %s or more, is %s: write a number with its unit, for example 5s", minMemberTimeout, c.Timeout))
	}
	if c.MaxCalls < 1 {
		errs = append(errs, fmt.Errorf("max_calls: must be 1 or more, is %d", c.MaxCalls))
	}
	if c.Client.Endpoint != "" {
		errs = append(errs, fmt.Errorf("client::endpoint: must be empty, is %q: name members in endpoints or dns", c.Client.Endpoint))
	}
	return errors.Join(errs...)
}

// dependencies are the extensions that connections to members need.
func (c *MembersConfig) dependencies() (ids []component.ID) {
	if !c.enabled() {
		return nil
	}
	if auth := c.Client.Auth.Get(); auth != nil {
		ids = append(ids, auth.AuthenticatorID)
	}
	for _, middleware := range c.Client.Middlewares {
		ids = append(ids, middleware.ID)
	}
	return ids
}
