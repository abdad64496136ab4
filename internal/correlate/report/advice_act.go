// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// act is what to do about the cause.
func (i *Incident) act() model.RecommendedAction {
	c, f := &i.Cause, i.main()
	if c.Place != "" {
		return i.actOnPlace()
	}
	if i.released() && f.ofRelease() {
		return i.rollBackAdvice()
	}
	switch f.Kind {
	case FactNetwork:
		return i.actOnNetwork()
	case FactDependency, FactCallsFail, FactPool:
		return i.actOnCalls()
	case FactResource:
		return i.actOnResource()
	case FactForecast:
		return fullAdvice(c, f)
	case FactSilent:
		return silentAdvice(c)
	case FactRestarts:
		return crashAdvice(i)
	case FactKernel:
		return i.actOnKernel()
	case FactNames:
		return actOnNameServer(c)
	case FactFailing, FactErrorLog:
		return i.actOnFailure()
	case FactSlow, FactCreep:
		if i.profile() != nil {
			return model.RecommendedAction{
				Title:       "Read the code at " + c.Code + " of " + c.Name,
				Description: "Profiles show that it costs more than before. No release of it is known since then: look for a change of its input, its configuration or a feature flag.",
			}
		}
	default: // no action follows from the other kinds alone
	}
	return model.RecommendedAction{}
}

// ofRelease reports whether undoing a release may end what the fact describes.
func (f *Fact) ofRelease() bool {
	switch f.Kind {
	case FactFailing, FactErrorLog, FactSlow, FactSkipped, FactEndsEarly:
		return true
	default:
		return false
	}
}

func (i *Incident) rollBackAdvice() model.RecommendedAction {
	c, to := &i.Cause, ""
	if c.Before != "" {
		to = " to " + c.Before
	}
	return model.RecommendedAction{
		Title:       "Roll " + c.Name + " back" + to,
		Description: fmt.Sprintf("It began with the rollout of %s at %s.", c.Version, Clock(c.Released)),
		Commands:    i.rollback(),
	}
}

// actOnCalls is for what only its callers show.
func (i *Incident) actOnCalls() model.RecommendedAction {
	c, f := &i.Cause, i.main()
	switch f.Kind {
	case FactDependency:
		return model.RecommendedAction{
			Title:       "Look at " + c.Name + " itself: what it runs, waits for and locks",
			Description: "Its callers wait for it. It sends no telemetry that would show why: for a database, look at long-running statements and locks.",
		}
	case FactPool:
		return model.RecommendedAction{
			Title:       "Find connections that " + c.Name + " does not return to its pool, or raise the limit of the pool",
			Description: "Its requests wait for a connection; other callers of " + f.Peer + " are answered as before.",
		}
	default:
		return model.RecommendedAction{
			Title:       "Check whether " + c.Name + " runs, is reachable and takes calls",
			Description: "Its callers fail; it sends no telemetry that would show why.",
		}
	}
}

func actOnNameServer(c *Cause) model.RecommendedAction {
	return model.RecommendedAction{
		Title:       "Check the name server: " + c.Name,
		Description: "Names of several hosts cannot be resolved, so it is rather the name server than one of them.",
		Commands:    []string{"cat /etc/resolv.conf", "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50"},
	}
}

func (i *Incident) actOnPlace() model.RecommendedAction {
	c := &i.Cause
	action := model.RecommendedAction{
		Title:       "Move what runs there away from " + c.Place + " " + c.Name,
		Description: "Start nothing more there and let its services run elsewhere until it is repaired.",
	}
	if c.Starved != "" {
		return actOnStarved(c)
	}
	if len(c.Unresolved) > 0 {
		return model.RecommendedAction{
			Title:       "Check name resolution on " + c.Place + " " + c.Name,
			Description: "Other nodes resolve names: look at the resolver of this one, and at its way to the name server.",
			Commands:    []string{"cat /etc/resolv.conf", "resolvectl status"},
		}
	}
	if c.PlaceKey == semconv.K8sNodeName {
		action.Commands = []string{"kubectl cordon " + shell(c.Name), "kubectl drain --ignore-daemonsets --delete-emptydir-data " + shell(c.Name)}
	}
	return action
}

func actOnStarved(c *Cause) model.RecommendedAction {
	action := model.RecommendedAction{
		Title:       "Limit what uses the CPUs of " + c.Place + " " + c.Name + ", or move it",
		Description: "All that runs there waits for a CPU.",
		Commands:    []string{"ps -eo pid,pcpu,args --sort=-pcpu | head"},
	}
	if c.Hog != "" {
		action.Title = "Limit " + c.Hog + " on " + c.Place + " " + c.Name + ", or move it"
	}
	if c.PlaceKey == semconv.K8sNodeName {
		action.Commands = []string{"kubectl top pods --all-namespaces --sort-by=cpu", "kubectl cordon " + shell(c.Name)}
	}
	return action
}

func (i *Incident) actOnNetwork() model.RecommendedAction {
	c, f := &i.Cause, i.main()
	action := model.RecommendedAction{
		Title:       "Check the network between " + f.Peer + " and " + f.Service,
		Description: "The time passes between the client and the server; the server answers as fast as before.",
		Commands:    []string{"ss -tin state established", "nstat -az TcpRetransSegs"},
	}
	if c.Pod != "" {
		action.Commands = []string{kubectl(c, "get pod "+shell(c.Pod)+" -o wide")}
	}
	return action
}

func (i *Incident) actOnResource() model.RecommendedAction {
	c, f := &i.Cause, i.main()
	word := ResourceWord(f.What)
	action := model.RecommendedAction{
		Title:       "Give " + c.Name + " more " + word + ", or restart it to gain time",
		Description: "A restart ends runaway work, but not its cause: take a profile first.",
	}
	if c.Pod != "" {
		action.Commands = []string{kubectl(c, "top pod "+shell(c.Pod)+" --containers"), kubectl(c, "delete pod "+shell(c.Pod))}
	}
	return action
}

func (i *Incident) actOnFailure() model.RecommendedAction {
	c := &i.Cause
	if i.Type == model.GroupSecurity {
		return model.RecommendedAction{
			Title:       "Find out whose access is refused, and since when",
			Description: "A token or certificate that expired, a policy that was changed, or someone who should have no access.",
		}
	}
	action := model.RecommendedAction{
		Title:       "Read the error in " + c.Name + " and undo what was changed last",
		Description: "No release of it is known since then: look for a change of its configuration, its data or a feature flag.",
	}
	if c.Code != "" {
		action.Title = "Read the code at " + c.Code + " of " + c.Name
	}
	if c.workload() != "" {
		action.Commands = []string{kubectl(c, "rollout history "+c.workload())}
	}
	return action
}

func silentAdvice(c *Cause) model.RecommendedAction {
	action := model.RecommendedAction{
		Title:       "Check whether " + c.Name + " still runs, and whether its telemetry still gets here",
		Description: "Others still report, so this collector is reachable: the service, its host or its exporter has stopped.",
		Commands:    []string{"pgrep -af " + shell(c.Name), "systemctl status " + shell(c.Name), "journalctl -u " + shell(c.Name) + " -n 100 --no-pager"},
	}
	if c.Pod != "" {
		action.Commands = []string{kubectl(c, "get pod "+shell(c.Pod)+" -o wide"), kubectl(c, "logs --previous --tail=100 "+shell(c.Pod))}
	}
	return action
}

func crashAdvice(i *Incident) model.RecommendedAction {
	c := &i.Cause
	action := model.RecommendedAction{
		Title:       "Read the last log lines of " + c.Name + " before it ended",
		Description: "It ends soon after each start, so another restart does not help: undo the last change of its version or configuration.",
		Commands:    []string{"journalctl -u " + shell(c.Name) + " -n 100 --no-pager"},
	}
	if c.Pod != "" {
		action.Commands = append([]string{kubectl(c, "logs --previous --tail=100 "+shell(c.Pod))}, i.rollback()...)
	}
	return action
}

func fullAdvice(c *Cause, f *Fact) model.RecommendedAction {
	if strings.Contains(f.What, "memory") {
		action := model.RecommendedAction{
			Title:       "Find what grows in the memory of " + c.Name + ", or restart it before the limit is reached",
			Description: "Take a heap profile first: after a restart it grows again.",
		}
		if c.workload() != "" {
			action.Commands = []string{kubectl(c, "top pod "+shell(c.Pod)+" --containers"), kubectl(c, "rollout restart "+c.workload())}
		}
		return action
	}
	action := model.RecommendedAction{
		Title:       "Free space, or make the volume larger",
		Description: "Find what grows before anything is removed: often logs, core dumps, and deleted files that are still open.",
		Commands:    []string{"df -h", "df -i", "du -xh --max-depth=2 / 2>/dev/null | sort -h | tail -20", "lsof +L1"},
	}
	if c.Pod != "" {
		action.Commands = []string{kubectl(c, "exec "+shell(c.Pod)+" -- df -h"), kubectl(c, "get pvc")}
	}
	return action
}
