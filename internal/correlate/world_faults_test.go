// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/model"
)

func TestTheRightEntityIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		trouble  []trouble
		entity   string
		contains string
	}{
		"a slow database without spans":           {[]trouble{{service: "postgres", millis: 1300}}, "postgres", "inventory → postgres: "},
		"a slow external API":                     {[]trouble{{service: "bank", millis: 2000}}, "api.bank.com", "payment → api.bank.com: "},
		"a database refuses connections":          {[]trouble{{service: "postgres", fails: "dial tcp 10.0.0.3:5432: connect: connection refused"}}, "postgres", "connection refused"},
		"an external API answers 503":             {[]trouble{{service: "bank", fails: "503", share: 0.6}}, "api.bank.com", "503"},
		"an expired certificate":                  {[]trouble{{service: "bank", fails: "x509: certificate has expired"}}, "api.bank.com", "certificate has expired"},
		"a cache is restarted":                    {[]trouble{{service: "redis", fails: "ECONNRESET"}}, "redis", "ECONNRESET"},
		"a slow service":                          {[]trouble{{service: "inventory", millis: 400}}, "inventory", "in its own code"},
		"a failing service":                       {[]trouble{{service: "payment", fails: "cannot charge card", share: 0.5}}, "payment", ""},
		"names of several are not resolved":       {[]trouble{{service: "postgres", fails: "lookup postgres: no such host"}, {service: "bank", fails: "lookup api.bank.com: no such host"}}, "dns", "cannot resolve names"},
		"a caller's connection pool is exhausted": {[]trouble{{service: "postgres", caller: "inventory", share: 0.7, millis: 1500, fails: "timed out waiting for a connection from pool orders"}}, "inventory", "connection from pool"},
		"the pool of an only caller is exhausted": {[]trouble{{service: "bank", share: 0.7, millis: 1500, fails: "timed out waiting for a connection from pool bank"}}, "payment", "connection from pool"},
		"the disk of a database is full":          {[]trouble{{service: "postgres", fails: "could not extend file: No space left on device"}}, "postgres", "No space left"},
		"one caller cannot log in":                {[]trouble{{service: "postgres", caller: "inventory", fails: "password authentication failed"}}, "inventory", "password authentication failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 7)
			w.run(900)
			assert.Empty(t, w.reported())
			for _, f := range c.trouble {
				f.during = w.after(0)
				w.faults = append(w.faults, f)
			}
			w.run(90)
			cause := w.cause()
			assert.Equal(t, c.entity, cause.Entity.Name, "%v", w.reported())
			assert.Contains(t, cause.Reason, c.contains)
			if c.entity == "postgres" || c.entity == "api.bank.com" {
				assert.Equal(t, model.EntityPeer, cause.Entity.Kind)
			}
		})
	}
}

func TestTheSliceIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		trouble trouble
		pod     string
		node    string
	}{
		"one replica of five is slow": {trouble{service: "orders", replica: 3, millis: 400}, "orders-2", "node-2"},
		"one replica of three fails":  {trouble{service: "payment", replica: 2, fails: "missing key"}, "payment-1", "node-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 11)
			w.run(900)
			c.trouble.during = w.after(0)
			w.faults = append(w.faults, c.trouble)
			w.run(120)
			cause := w.cause()
			assert.Equal(t, c.trouble.service, cause.Entity.Name, "%v", w.reported())
			pod, _ := cause.Entity.Attributes.Get("k8s.pod.name")
			assert.Equal(t, c.pod, pod.Str())
			node, _ := cause.Entity.Attributes.Get("k8s.node.name")
			assert.Equal(t, c.node, node.Str())
		})
	}
}

func TestANodeThatIsNoisyIsTheCause(t *testing.T) {
	w := shopWorld(t, 13)
	w.run(900)
	w.faults = []trouble{{node: "node-1", millis: 300, during: w.after(0)}}
	w.run(120)
	cause := w.cause()
	assert.Equal(t, model.EntityNode, cause.Entity.Kind, "%v", w.reported())
	assert.Equal(t, "node-1", cause.Entity.Name)
}

func TestNoiseOpensNoIncident(t *testing.T) {
	for name, rate := range map[string]float64{"hardly any requests": 0.05, "a few": 0.5, "many": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := shopWorld(t, 17)
			w.rate = func(*world) float64 { return rate }
			w.pauses, w.errors = 10, 0.002
			w.run(4 * 3600)
			assert.Empty(t, w.reported())
		})
	}
}

func TestAJobThatRunsEveryQuarterIsKnown(t *testing.T) {
	w := shopWorld(t, 19)
	w.faults = []trouble{{service: "postgres", millis: 600, during: func(w *world) bool {
		return w.at/(60*second)%15 == 0 && w.at > begin
	}}}
	w.run(3600 * 2)
	before := len(w.last)
	w.run(3600 * 2)
	assert.LessOrEqual(t, len(w.last), max(before, 2), "%v", w.reported())
}

func TestACreepIsReported(t *testing.T) {
	w := shopWorld(t, 23)
	w.parts["inventory"].own = 60
	w.rate = func(*world) float64 { return 0.3 }
	w.run(2 * 3600)
	start := w.at
	w.faults = []trouble{{service: "inventory", millis: 1, during: w.after(0)}}
	for range 6 {
		w.run(3600)
		grown := 60.0
		for range int((w.at - start) / hour) {
			grown *= 1.25
		}
		w.faults[0].millis = grown - 60
	}
	assert.Equal(t, "inventory", w.cause().Entity.Name, "%v", w.reported())
}
