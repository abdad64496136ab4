// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/tapio/tapio/extension/tapioextension/internal/api"
)

func TestHealthFollowsTheComponents(t *testing.T) {
	e := newTestExtension(t, nil)
	one := componentstatus.NewInstanceID(component.MustNewID("otlp"), component.KindReceiver)
	two := componentstatus.NewInstanceID(component.MustNewID("kafka"), component.KindExporter)
	e.ComponentStatusChanged(one, componentstatus.NewEvent(componentstatus.StatusOK))
	assert.Empty(t, e.health.all())
	e.ComponentStatusChanged(one, componentstatus.NewRecoverableErrorEvent(errors.New("no such host")))
	elsewhere := componentstatus.NewInstanceID(component.MustNewID("otlp"), component.KindReceiver)
	e.ComponentStatusChanged(elsewhere, componentstatus.NewRecoverableErrorEvent(errors.New("no such host")))
	e.ComponentStatusChanged(two, componentstatus.NewFatalErrorEvent(errors.New("gone")))
	assert.Equal(t, []api.Trouble{
		{Component: "Exporter kafka", Why: "gone", Fatal: true},
		{Component: "Receiver otlp", Why: "no such host"},
	}, e.health.all())
	e.ComponentStatusChanged(one, componentstatus.NewEvent(componentstatus.StatusOK))
	e.ComponentStatusChanged(elsewhere, componentstatus.NewEvent(componentstatus.StatusOK))
	assert.Len(t, e.health.all(), 1, "what recovered is well again")
}
