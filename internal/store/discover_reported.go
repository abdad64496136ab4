// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/internal/store/budget"
)

// kubernetesChange is what kind of change the reason of a Kubernetes event reports, as
// contrib's k8s_events receiver writes it.
func kubernetesChange(reason string) model.ChangeType {
	switch reason {
	case "ScalingReplicaSet", "DeploymentRollback", "DeploymentRollbackRevisionNotFound":
		return model.ChangeDeployment
	case "SuccessfulRescale", "TriggeredScaleUp", "ScaleDown":
		return model.ChangeScale
	case "Killing", "BackOff", "Evicted", "Preempted", "OOMKilling", "SystemOOM", "NodeNotReady", "Rebooted":
		return model.ChangeRestart
	default:
		return model.ChangeUnspecified
	}
}

// kubernetesReason is the attribute that every record of a Kubernetes event has. The
// records need no event name.
const kubernetesReason = semconv.K8sEventReason

// ofKubernetes narrows a filter to the records of Kubernetes events.
func ofKubernetes(filter model.Filter) model.Filter {
	filter.Selectors = append(slices.Clone(filter.Selectors), model.Selector{Key: model.NewLabelKey(kubernetesReason), Op: model.OpExists})
	return filter
}

// flagEvaluation is the event that OpenTelemetry has for each evaluation of a feature
// flag. A change is only what brings a variant that was not seen before.
const flagEvaluation = semconv.EventFeatureFlagEvaluation

// flagUses are the first evaluations of each variant, by service and flag.
type flagUses map[flagOf]map[string]model.Change

type flagOf struct{ service, namespace, key string }

func (f flagUses) note(e *model.Event, a *budget.Account) error {
	change := changeOf(model.ChangeConfiguration, e)
	key, _ := e.Attributes.Get(semconv.FeatureFlagKey)
	of := flagOf{change.Service, change.Namespace, key.Text()}
	variants := f[of]
	if variants == nil {
		variants = map[string]model.Change{}
		f[of] = variants
	}
	first, known := variants[change.To]
	if known && first.Time <= change.Time {
		return nil
	}
	change.Summary = "feature flag " + key.Text() + ": " + change.To
	variants[change.To] = change
	if known {
		return nil
	}
	return a.Take(tallyBytes + int64(len(change.Summary)))
}

// changes are the first evaluations of all variants but the first of each flag.
func (f flagUses) changes() []model.Change {
	var list []model.Change
	for _, variants := range f {
		var uses []model.Change
		for _, use := range variants {
			uses = append(uses, use)
		}
		slices.SortFunc(uses, func(x, y model.Change) int { return int(min(max(int64(x.Time)-int64(y.Time), -1), 1)) })
		for i := 1; i < len(uses); i++ {
			uses[i].From = uses[i-1].To
			list = append(list, uses[i])
		}
	}
	return list
}
