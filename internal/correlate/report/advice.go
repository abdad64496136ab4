// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Actions recommends what to do: first to look, with commands that show the records
// behind it, then to act on the cause. A command is only given where all that it names
// is known.
func (i *Incident) Actions() []model.RecommendedAction {
	if i.Kind == model.GroupChange {
		return []model.RecommendedAction{i.look()}
	}
	actions := []model.RecommendedAction{i.look()}
	if act := i.act(); act.Title != "" && !i.State.Ended() {
		act.Urgency, act.ReadOnly = model.UrgencyHigh, readOnly(act.Commands)
		if i.Kind != model.GroupIncident {
			act.Urgency = model.UrgencyLow
		}
		actions = append(actions, act)
	}
	return actions
}

// readOnly reports whether there are commands and none of them changes the system.
func readOnly(commands []string) bool {
	return len(commands) > 0 && !slices.ContainsFunc(commands, func(command string) bool {
		return slices.ContainsFunc([]string{" cordon ", " drain ", " delete ", " rollout restart ", " rollout undo ", " scale "}, func(verb string) bool {
			return strings.Contains(command, verb)
		})
	})
}

// look shows the records that confirm the cause.
func (i *Incident) look() model.RecommendedAction {
	c, f := &i.Cause, i.main()
	action := model.RecommendedAction{
		Title: "Look at " + strings.TrimSpace(c.Place+" "+c.Name), ReadOnly: true, Urgency: model.UrgencyHigh,
		Description: "Confirms the cause before anything is changed.",
	}
	if i.Kind != model.GroupIncident {
		action.Urgency = model.UrgencyLow
	}
	add := func(command string) {
		if command != "" {
			action.Commands = append(action.Commands, command)
		}
	}
	if c.Place != "" {
		if c.PlaceKey == semconv.K8sNodeName {
			add("kubectl describe node " + shell(c.Name))
		}
		add("tapioctl get traces -l " + shell(c.PlaceKey+"="+c.Name) + i.timeFlags())
		return action
	}
	add(i.kernelRecords(f))
	add(i.profiles())
	add(i.traces(f))
	add(i.logs())
	add(i.metrics(f))
	if c.Pod != "" {
		add(kubectl(c, "describe pod "+shell(c.Pod)))
		add(kubectl(c, "logs --tail=200 "+shell(c.Pod)))
	}
	return action
}

// timeFlags limit a command to the time of the incident.
func (i *Incident) timeFlags() string {
	const lead = model.Nanos(60e9)
	flags := " --since " + stamp(i.Start-lead)
	if i.Over != 0 {
		flags += " --until " + stamp(i.Over+lead)
	}
	return flags
}

func stamp(t model.Nanos) string {
	return time.Unix(0, int64(t)).UTC().Format("2006-01-02T15:04:05Z")
}

func (i *Incident) kernelRecords(f *Fact) string {
	switch {
	case f.Kind != FactKernel || f.Kernel.Kind == "":
		return ""
	case f.Kernel.Count:
		return i.metrics(f)
	}
	name := f.What
	if name == "" {
		return ""
	}
	return "tapioctl get events --event-name " + shell(name) + i.timeFlags()
}

// traces shows spans of the cause or, where it sends none, of its caller.
func (i *Incident) traces(f *Fact) string {
	c, who := &i.Cause, i.Cause.Name
	switch {
	case c.Traces && c.Selector == "":
	case (f.Kind == FactDependency || f.Kind == FactNetwork || f.Kind == FactCallsFail || f.Kind == FactNames) && f.Peer != "":
		who = f.Peer
	default:
		return ""
	}
	command := "tapioctl get traces --service " + shell(who)
	switch f.Kind {
	case FactFailing, FactCallsFail, FactNames:
		command += " --error"
	case FactDependency, FactNetwork, FactSlow:
		if least := f.After / 2; least > f.Before {
			command += " --min-duration " + shellMillis(least)
		}
	default: // any trace of the service may show it
	}
	return command + i.timeFlags()
}

// profiles shows what the code of the cause does more than before.
func (i *Incident) profiles() string {
	f := i.profile()
	if f == nil {
		return ""
	}
	const end = model.Nanos(1e9) // times of commands are whole seconds
	p := &f.Profile
	return "tapioctl profile diff --service " + shell(f.Service) + " --type " + shell(f.Unit) +
		" --since " + stamp(p.After.Start) + " --until " + stamp(p.After.End+end) +
		" --baseline-since " + stamp(p.Before.Start) + " --baseline-until " + stamp(min(p.Before.End+end, p.After.Start))
}

func shellMillis(ms float64) string { return fmt.Sprintf("%.0fms", max(1, ms)) }

// metrics shows the metric that left its usual range.
func (i *Incident) metrics(f *Fact) string {
	for _, ref := range f.Evidence {
		if ref.Kind == model.EvidenceMetric && i.Cause.Selector == "" {
			name, _, _ := strings.Cut(ref.ID, "{")
			return "tapioctl get metrics --name " + shell(name) + " --service " + shell(f.Service) + i.timeFlags()
		}
	}
	return ""
}

// logs shows log lines of the cause, errors where it logged any.
func (i *Incident) logs() string {
	c := &i.Cause
	if !c.Logs {
		return ""
	}
	by := "--service " + shell(c.Name)
	if c.Selector != "" {
		by = "-l " + shell(c.Selector)
	}
	command := "tapioctl get logs " + by
	if i.quote() != "" && c.Selector == "" { // lines of files have no severity
		command += " --severity error"
	}
	return command + i.timeFlags()
}

// kubectl is a command of it in the namespace of the cause.
func kubectl(c *Cause, rest string) string {
	if c.Namespace != "" {
		return "kubectl -n " + shell(c.Namespace) + " " + rest
	}
	return "kubectl " + rest
}

// workload is the name under which Kubernetes runs the cause, "" where it does not.
func (c *Cause) workload() string {
	switch {
	case c.Workload != "":
		return c.WorkloadKind + "/" + shell(c.Workload)
	case c.Pod != "":
		return "deployment/" + shell(c.Name)
	}
	return ""
}

// rollback returns to the version before.
func (i *Incident) rollback() []string {
	c := &i.Cause
	if c.workload() == "" {
		return nil
	}
	return []string{kubectl(c, "rollout history "+c.workload()), kubectl(c, "rollout undo "+c.workload())}
}

// filled lists commands, the first only if what it names is known.
func filled(first string, known bool, others ...string) []string {
	var list []string
	if known {
		list = append(list, first)
	}
	for _, command := range others {
		if command != "" {
			list = append(list, command)
		}
	}
	return list
}

// shell makes a name safe to paste into a shell, whoever chose the name.
func shell(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r)
	}
	if s != "" && s[0] != '-' && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
