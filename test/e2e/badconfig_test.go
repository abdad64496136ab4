// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"maps"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// badConfig differs from the standard configuration in what is set.
type badConfig struct {
	set  []string
	says []string // what the answer names
}

// badExtensions are faults within the extension itself.
func badExtensions(takenAddress string) map[string]badConfig {
	return map[string]badConfig{
		"unknown key": {
			[]string{"extensions::tapio::stroe::max_age=1h"},
			[]string{"extensions", `"tapio"`, "stroe"},
		},
		"no duration": {
			[]string{"extensions::tapio::store::max_age=soon"},
			[]string{`"tapio"`, "store.max_age", "invalid duration"},
		},
		"negative duration": {
			[]string{"extensions::tapio::store::max_age=-1h"},
			[]string{"store", "max_age", "for example 24h"},
		},
		"no size": {
			[]string{"extensions::tapio::store::memory_limit=lots"},
			[]string{"memory_limit", "lots", "256MiB"},
		},
		"too little memory": {
			[]string{"extensions::tapio::store::memory_limit=1KiB"},
			[]string{"store", "memory_limit", "4.0 MiB or more"},
		},
		"shares beyond the whole": {
			[]string{"extensions::tapio::store::shares::logs=70"},
			[]string{"shares", "sum to 100", "70, 40 and 20"},
		},
		"receiver without URL": {
			[]string{"extensions::tapio::notifications::receivers=[{name: ops, webhook: {}}]"},
			[]string{"extensions::tapio::notifications::receivers::0::webhook", "endpoint or url"},
		},
		"route to no one": {
			[]string{"extensions::tapio::notifications::routes=[{receivers: [ops]}]"},
			[]string{"extensions::tapio::notifications", "routes::0::receivers", `"ops"`},
		},
		"objective above the whole": {
			[]string{"extensions::tapio::slos::objectives=[{name: a, service: b, availability: {target: 101}}]"},
			[]string{"extensions::tapio::slos::objectives::0::availability", "target", "below 100"},
		},
		"taken port": {
			[]string{"extensions::tapio::grpc::endpoint=" + takenAddress},
			[]string{"extensions::tapio::grpc::endpoint", takenAddress, "free port"},
		},
		"taken HTTP port": {
			[]string{"extensions::tapio::http::endpoint=" + takenAddress},
			[]string{"extensions::tapio::http::endpoint", takenAddress, "free port"},
		},
	}
}

// badWiring are components that do not find each other.
func badWiring() map[string]badConfig {
	return map[string]badConfig{
		"exporter without its extension": {
			[]string{"exporters::tapio::extension=tapio/other"},
			[]string{"exporters::tapio::extension", `tapio/other`, "service::extensions"},
		},
		"receiver without its extension": {
			[]string{"receivers::tapio::extension=tapio/other"},
			[]string{"receivers::tapio::extension", `tapio/other`, "service::extensions"},
		},
		"exporter at an extension of another kind": {
			[]string{"extensions::zpages::endpoint=localhost:0", "service::extensions=[tapio, zpages]", "exporters::tapio::extension=zpages"},
			[]string{"zpages", "extension: tapio"},
		},
		"receiver at an extension of another kind": {
			[]string{"extensions::zpages::endpoint=localhost:0", "service::extensions=[tapio, zpages]", "receivers::tapio::extension=zpages"},
			[]string{"zpages", "extension: tapio"},
		},
		"two exporters for one store": {
			[]string{
				"exporters::tapio/a::extension=tapio", "exporters::tapio/b::extension=tapio",
				"service::pipelines::logs::exporters=[tapio/a]", "service::pipelines::traces::exporters=[tapio/b]",
				"service::pipelines::metrics::exporters=[tapio/b]",
			},
			[]string{"tapio/a", "tapio/b"},
		},
	}
}

// A configuration that cannot work ends the process at once, and reports which key
// is wrong and what to write instead.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	all := badExtensions(taken.Addr().String())
	maps.Copy(all, badWiring())
	for name, bad := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var args []string
			for _, one := range bad.set {
				args = append(args, "--set="+one)
			}
			code, output := runToEnd(t, standard, args...)
			require.Positive(t, code, "%s", output)
			for _, word := range bad.says {
				require.Contains(t, lastError(output), word)
			}
		})
	}
}

// lastError is what a person sees at the bottom of the terminal.
func lastError(output string) string {
	if i := strings.LastIndex(output, "Error: "); i >= 0 {
		return output[i:]
	}
	return output
}
