// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"net"
	"strings"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

// actOnKernel is for what the kernel reports.
func (i *Incident) actOnKernel() model.RecommendedAction {
	c, k := &i.Cause, &i.main().Kernel
	host, port, err := net.SplitHostPort(k.Place)
	if err != nil {
		host = k.Place
	}
	switch k.Advice {
	case kernelrule.AdviceMemory:
		return memoryAdvice(c)
	case kernelrule.AdviceCrash:
		return crashAdvice(i)
	case kernelrule.AdviceConnect:
		return i.connectAdvice(host, port)
	case kernelrule.AdviceAccess, kernelrule.AdviceFiles:
		return accessAdvice(c, k)
	case kernelrule.AdviceNetwork:
		return networkAdvice(host, k)
	case kernelrule.AdviceNames:
		return model.RecommendedAction{
			Title:       "Ask the name server, and another one",
			Description: c.Name + " is well: the name server does not answer for this name.",
			Commands:    filled("dig @"+shell(host)+" "+shell(k.Peer), host != "" && k.Peer != "", "cat /etc/resolv.conf"),
		}
	case kernelrule.AdviceQuota:
		action := model.RecommendedAction{
			Title:       "Stop what uses up the quota, or raise the quota",
			Description: "All that runs in the cgroup shares one CPU quota and stands still when it is used up.",
			Commands:    filled("find /sys/fs/cgroup -path '*"+strings.ReplaceAll(k.Place, "'", "")+"/cpu.stat' -exec cat {} +", k.Place != "", "systemd-cgtop -n 1"),
		}
		return action
	case kernelrule.AdviceDisk:
	}
	return model.RecommendedAction{
		Title:       "Find what keeps the disk busy, and whether it is full, failing or limited",
		Description: "Threads of " + c.Name + " wait in the kernel for the disk.",
		Commands:    []string{"iostat -x 1 5", "cat /proc/pressure/io", "df -h", "dmesg -T --level=err,warn | tail -50"},
	}
}

func memoryAdvice(c *Cause) model.RecommendedAction {
	action := model.RecommendedAction{
		Title:       "Raise the memory limit of " + c.Name + ", or find what grew",
		Description: "With the same limit it may be killed again; if its memory grew with its uptime, look for a leak.",
		Commands:    []string{"dmesg -T | grep -i 'out of memory'"},
	}
	if c.Pod != "" {
		action.Commands = []string{kubectl(c, "get pod "+shell(c.Pod)+" -o jsonpath='{.status.containerStatuses[*].lastState}'")}
	}
	return action
}

func (i *Incident) connectAdvice(host, port string) model.RecommendedAction {
	c := &i.Cause
	action := model.RecommendedAction{
		Title:       "Check whether " + c.Name + " runs and listens, and start it again",
		Description: "No program answers at its address: it has ended, listens elsewhere, or a firewall is in between.",
		Commands:    filled("ss -ltnp sport = :"+shell(port), port != "", ""),
	}
	if host != "" && port != "" {
		action.Commands = append(action.Commands, "nc -zv "+shell(host)+" "+shell(port))
	}
	if c.workload() != "" {
		action.Commands = []string{kubectl(c, "get pods -o wide"), kubectl(c, "rollout restart "+c.workload())}
	}
	return action
}

func networkAdvice(host string, k *Kernel) model.RecommendedAction {
	description := "Packets get lost on the way: a full queue, a policy that drops, or a bad link."
	if host == "::1" || strings.HasPrefix(host, "127.") {
		description = "Both ends are on one host, so no link is involved: a full socket buffer, a firewall rule, or a traffic shaper drops packets."
	}
	title := "Check the network"
	if k.Peer != "" {
		title += " to " + k.Peer
	}
	return model.RecommendedAction{
		Title:       title,
		Description: description,
		Commands:    filled("ss -tino dst "+shell(host), host != "", "nstat -az TcpRetransSegs", "ip -s link"),
	}
}

func accessAdvice(c *Cause, k *Kernel) model.RecommendedAction {
	if k.Advice == kernelrule.AdviceFiles {
		return model.RecommendedAction{
			Title:       "Check who changed the permissions of " + k.Peer + ", or which program accesses files that are not its own",
			Description: "The kernel refused to open, write, rename or remove files.",
			Commands:    filled("ls -la "+shell(k.Peer), k.Peer != "", ""),
		}
	}
	action := model.RecommendedAction{
		Title:       "Treat it as a break-in until you know better",
		Description: "Do not restart it: what runs in it is the evidence. Find out who started the program; if no one did, cut the service off the network.",
		Commands:    filled("ls -l "+shell(k.Peer), k.Peer != "", "ps -ef --forest", "ss -tnp"),
	}
	if c.Pod != "" {
		action.Commands = append(action.Commands, kubectl(c, "exec "+shell(c.Pod)+" -- ps -ef"))
	}
	return action
}
