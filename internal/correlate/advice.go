// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"net"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// advice is what to do about one sort of cause. In the commands, and only there,
// SERVICE, POD, PEER, NAME, HOST, PORT, CGROUP and FAULT stand for what the cause
// gives; one that needs what it does not give is left out.
type advice struct {
	title, description string
	commands           []string
	readOnly           bool
}

// actions recommends what to do about the cause, looking first.
func actions(g *group, kind model.GroupType) []model.RecommendedAction {
	first := g.ranking[0]
	if g.place != nil {
		return g.place.actions()
	}
	first.reason = g.reasonOf(&first)
	filled := placeholders(first)
	look := advice{
		title: "Look at what " + first.service + " does", readOnly: true,
		description: "Confirms the cause before anything is changed.",
		commands: []string{
			"tapioctl get logs --service SERVICE --since 15m", "tapioctl get traces --service SERVICE --since 15m",
			"kubectl describe pod POD", "kubectl logs --tail=200 POD",
		},
	}
	mend := adviceOf(kind)
	switch k := first.reason.kernel; {
	case first.reason.key.class == classSilent:
		mend = silentAdvice()
	case first.reason.key.what == "restarts":
		mend = kernelAdvice(&kernelLine{word: "exit"})
	case first.reason.key.class == classResource && !strings.Contains(first.reason.key.what, "memory") && !strings.Contains(first.reason.key.what, "cpu"):
		mend = fullAdvice()
	case k != nil:
		look.commands = append([]string{"tapioctl get events -l process.executable.name=SERVICE --since 15m"}, look.commands...)
		mend = kernelAdvice(k)
	}
	return []model.RecommendedAction{look.fill(filled), mend.fill(filled)}
}

func placeholders(first ranked) []string {
	list := []string{"SERVICE", quoted(first.service), "POD", quotedIf(first.reason.pod)}
	if label := first.reason.label; label != "" {
		list = append(list, byService, "-l "+quoted(label))
	}
	k := first.reason.kernel
	if k == nil {
		return list
	}
	host, port, err := net.SplitHostPort(shownEndpoint(k.place))
	if err != nil {
		host = shownEndpoint(k.place)
	}
	return append(list, "PEER", quotedIf(k.peer), "HOST", quotedIf(host), "PORT", quotedIf(port), "CGROUP", quotedIf(k.place), "FAULT", quotedIf(k.fault))
}

// byService is how tapioctl is told whose records to show; what has no name but that
// of a file goes by that one.
const byService = "--service SERVICE"

func quotedIf(s string) string {
	if s == "" {
		return ""
	}
	return quoted(s)
}

// fill puts the names in, and leaves out commands that have none, or are for
// another platform: what has a pod runs under Kubernetes, what has none does not.
func (a advice) fill(names []string) model.RecommendedAction {
	action := model.RecommendedAction{
		Title: a.title, Description: a.description, Urgency: model.UrgencyHigh, ReadOnly: a.readOnly,
	}
	replace, pods, fileOnly := strings.NewReplacer(names...), names[3] != "", slices.Contains(names, byService)
	for _, command := range a.commands {
		complete := !pods && !strings.HasPrefix(command, "kubectl") || pods && !ofSystemd(command)
		complete = complete && (!fileOnly || !strings.Contains(command, "get traces"))
		for i := 0; i < len(names); i += 2 {
			complete = complete && (names[i+1] != "" || !strings.Contains(command, names[i]))
		}
		if complete {
			action.Commands = append(action.Commands, replace.Replace(command))
		}
	}
	return action
}

func ofSystemd(command string) bool {
	return strings.HasPrefix(command, "systemctl") || strings.HasPrefix(command, "journalctl") || strings.HasPrefix(command, "systemd-")
}

// adviceOf is for causes that no kernel told of.
func adviceOf(kind model.GroupType) advice {
	switch kind {
	case model.GroupResourceExhaustion:
		return advice{
			title:       "Give it more of the resource, or restart it to win time",
			description: "A restart frees memory and ends runaway work, but not its cause: take a profile first.",
			commands:    []string{"kubectl top pod POD", "kubectl delete pod POD"},
		}
	case model.GroupNetwork:
		return advice{
			title:       "Check the network on the way to it, and move it to another node",
			description: "The time passes between client and server; the service's own is not the matter.",
			commands:    []string{"ss -tin state established", "nstat -az TcpRetransSegs", "kubectl delete pod POD"},
		}
	case model.GroupSecurity:
		return advice{
			title:       "Find out whose access is refused, and since when",
			description: "A token or certificate that has expired, a policy that was changed, or somebody who should not be there.",
			commands:    []string{"tapioctl get logs --service SERVICE --severity error --since 1h", "kubectl get events --sort-by=.lastTimestamp | tail -20"},
		}
	case model.GroupDeployment, model.GroupFailureCascade:
		return advice{
			title:       "Roll it back if it was changed lately",
			description: "It runs other code paths, or fails where it did not before.",
			commands: []string{
				"kubectl rollout history deployment SERVICE", "kubectl rollout undo deployment SERVICE", "systemctl status SERVICE",
				"tapioctl get events --event-name tapio.process.exec -l process.executable.name=SERVICE --since 24h",
			},
		}
	default:
		return advice{
			title: "Find what it waits for", readOnly: true,
			description: "It is slow without a sign of its own resources being short.",
			commands:    []string{"kubectl top pod POD", "tapioctl get traces --service SERVICE --min-duration 500ms --since 15m"},
		}
	}
}

// silentAdvice is for what reports nothing any more.
func silentAdvice() advice {
	return advice{
		title:       "See whether it still runs, and whether what it reports still gets here",
		description: "Others report, so that the way to this collector is open at its end: the service, its host or its exporter has stopped.",
		commands: []string{
			"kubectl get pod POD -o wide", "kubectl logs --previous --tail=100 POD", "kubectl rollout restart deployment SERVICE",
			"pgrep -af SERVICE", "systemctl status SERVICE", "journalctl -u SERVICE -n 100 --no-pager",
		},
	}
}

// fullAdvice is for a file system or volume that fills up.
func fullAdvice() advice {
	return advice{
		title:       "Free space on it, or make it larger",
		description: "Find what grows before you remove anything: logs, core dumps and files that are deleted but still open are the usual ones.",
		commands: []string{
			"kubectl exec POD -- df -h", "kubectl get pvc", "df -h", "df -i", "du -xh --max-depth=2 / 2>/dev/null | sort -h | tail -20", "lsof +L1",
		},
	}
}

// kernelAdvice is for causes that the kernel tells of.
func kernelAdvice(k *kernelLine) advice {
	switch k.word {
	case "oom":
		return advice{
			title:       "Raise its memory limit, or find what grew",
			description: "It comes back with the same limit and may be killed again; if its memory grew with its uptime, look for a leak.",
			commands: []string{
				"kubectl get pod POD -o jsonpath='{.status.containerStatuses[*].lastState}'",
				"kubectl set resources deployment SERVICE --limits=memory=1Gi", "dmesg -T | grep -i 'out of memory'",
			},
		}
	case "exit", "signal", "crash":
		return advice{
			title:       "Read its last words, then roll it back or mend its configuration",
			description: "It ends soon after it begins, so that restarting it again does not help.",
			commands: []string{
				"kubectl logs --previous --tail=100 POD", "journalctl -u SERVICE -n 100 --no-pager",
				"kubectl rollout undo deployment SERVICE",
			},
		}
	case "connect", "refused":
		return advice{
			title:       "Start it again, and see whether it listens",
			description: "Its address answers, or does not, without a program behind it: it has ended, listens elsewhere, or a firewall is in between.",
			commands: []string{
				"ss -ltnp sport = :PORT", "nc -zv HOST PORT", "systemctl status SERVICE", "kubectl rollout restart deployment SERVICE",
			},
		}
	case "exec":
		return advice{
			title:       "Treat it as a break-in until you know better",
			description: "Do not restart it, for what runs in it is the evidence. See who started the program; if nobody did, cut the service off the network.",
			commands: []string{
				"tapioctl get events --event-name tapio.process.exec -l process.executable.name=FAULT --since 24h",
				"ps -ef --forest", "ss -tnp", "kubectl exec POD -- ps -ef", "ls -l PEER",
			},
		}
	case "file.":
		return advice{
			title:       "See who changed the rights, or who asks for what is none of theirs",
			description: "The kernel refused to open, write, rename or remove files.",
			commands: []string{
				"tapioctl get events --event-name 'tapio.file.*' -l process.executable.name=SERVICE --since 1h", "ls -la PEER", "kubectl exec POD -- ls -la PEER",
			},
		}
	case "retransmit", "reset":
		return advice{
			title:       "Check the network between the two, and move one of them to another node",
			description: "Packets get lost on the way: a bad link or cable, a full queue, or a policy that drops.",
			commands:    []string{"ss -tino dst HOST", "nstat -az TcpRetransSegs", "ip -s link", "ping -c 20 HOST"},
		}
	case "dns":
		return advice{
			title:       "Ask the name server, and another one",
			description: "The service itself is well: the name server does not answer for this name.",
			commands:    []string{"dig @HOST PEER", "cat /etc/resolv.conf", "kubectl -n kube-system logs -l k8s-app=kube-dns --tail=50"},
		}
	case "throttl":
		return advice{
			title:       "Stop what uses up the quota, or raise it",
			description: "All that runs in the cgroup shares one CPU quota and stands still when it is used up.",
			commands: []string{
				"systemd-cgtop -n 1", "find /sys/fs/cgroup -path '*'CGROUP/cpu.stat -exec cat {} +", "systemctl stop SERVICE",
				"kubectl set resources deployment SERVICE --limits=cpu=2",
			},
		}
	case "disk", "block", "io.", "slow":
		return advice{
			title:       "Find who keeps the disk busy, and whether it is full, failing or limited",
			description: "Its threads stand in the kernel until the disk is done.",
			commands:    []string{"iostat -x 1 5", "cat /proc/pressure/io", "df -h", "dmesg -T --level=err,warn | tail -50"},
		}
	default:
		return advice{
			title: "See what else runs on its host", readOnly: true, description: "It is kept from running.",
			commands: []string{"top -b -n 1 | head -30", "cat /proc/pressure/cpu"},
		}
	}
}
