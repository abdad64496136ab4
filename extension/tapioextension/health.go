// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"cmp"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/tapio/tapio/extension/tapioextension/internal/api"
	"github.com/tapio/tapio/extension/tapioextension/internal/trouble"
)

var _ componentstatus.Watcher = (*tapioExtension)(nil)

// componentHealth is what the components of the collector last reported of
// themselves, as far as it is an error. The collector reports it from the start of
// this extension on, and from several goroutines.
type componentHealth struct {
	mu      sync.Mutex
	trouble map[*componentstatus.InstanceID]api.Trouble
}

// ComponentStatusChanged implements componentstatus.Watcher.
func (e *tapioExtension) ComponentStatusChanged(source *componentstatus.InstanceID, event *componentstatus.Event) {
	e.health.note(source, event)
}

func (h *componentHealth) note(source *componentstatus.InstanceID, event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !componentstatus.StatusIsError(event.Status()) {
		delete(h.trouble, source)
		return
	}
	if h.trouble == nil {
		h.trouble = map[*componentstatus.InstanceID]api.Trouble{}
	}
	why := event.Status().String()
	if event.Err() != nil {
		why = event.Err().Error()
	}
	h.trouble[source] = api.Trouble{
		Component: source.Kind().String() + " " + source.ComponentID().String(),
		Why:       why,
		Fatal:     event.Status() == componentstatus.StatusFatalError,
	}
}

// all returns the errors of now, in the order of the components' names. A component
// of several pipelines reports one for each; it is listed once.
func (h *componentHealth) all() []api.Trouble {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []api.Trouble
	for _, one := range h.trouble {
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b api.Trouble) int {
		return cmp.Or(cmp.Compare(a.Component, b.Component), cmp.Compare(a.Why, b.Why))
	})
	return slices.Compact(list)
}

// newTroubles makes what puts troubles of optional parts into the status of this extension.
func newTroubles(host component.Host) *trouble.Board {
	return &trouble.Board{Report: func(err error) {
		if err == nil {
			componentstatus.ReportStatus(host, componentstatus.NewEvent(componentstatus.StatusOK))
			return
		}
		componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(err))
	}}
}
