// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/tapio/tapio/internal/correlate/kernelrule"

func (i *Incident) kernelClause() clause {
	f, who := i.main(), i.who()
	k := &f.Kernel
	switch k.Kind {
	case kernelrule.OutOfMemory:
		c := clause{who, "ran out of memory and was killed", "ran out of memory and was killed", "", true}
		if k.Limit > 0 {
			c.detail = "limit " + bytes(k.Limit)
		}
		return c
	case kernelrule.Signal:
		return clause{who, "crashed", "crashed", "", true}
	case kernelrule.Exit:
		return clause{who, "has exited with an error again and again", "exited with an error again and again", exitWord(k.Fault), false}
	case kernelrule.ConnectFailure:
		return i.connectClause()
	case kernelrule.Retransmit:
		if k.Peer == "" {
			return clause{"network of " + who, "has been losing packets", "lost packets", "", false}
		}
		return clause{"network between " + k.Peer + " and " + who, "has been losing packets", "lost packets", "", false}
	case kernelrule.Reset:
		if k.Peer == "" {
			return clause{who, "has reset connections", "reset connections", "", false}
		}
		return clause{who, "has reset connections of " + k.Peer, "reset connections of " + k.Peer, "", false}
	case kernelrule.LookupFailure:
		return clause{who, "cannot resolve " + k.Peer, "could not resolve " + k.Peer, "the name server " + k.Place + " answers " + k.Fault, false}
	case kernelrule.Throttling:
		return clause{who, "has used up the CPU quota of cgroup " + k.Place, "used up the CPU quota of cgroup " + k.Place, "", false}
	case kernelrule.SlowSyscall, kernelrule.DiskWait:
		return clause{who, "has been waiting for its disk", "waited for its disk", diskDetail(k), false}
	case kernelrule.NewProgram:
		return clause{who, "started " + k.Fault + " (" + k.Peer + ")", "started " + k.Fault + " (" + k.Peer + ")", "never before", true}
	case kernelrule.DeniedFile:
		return clause{who, "has been denied access to files", "was denied access to files", k.Peer + " (" + k.Fault + ")", false}
	case kernelrule.DiskError: // in the words of the rule
	}
	return clause{who, k.Does, k.Does, "", false}
}

func diskDetail(k *Kernel) string {
	if k.Slow <= 0 {
		return ""
	}
	return k.Fault + " takes up to " + Millis(1000*k.Slow)
}

func (i *Incident) connectClause() clause {
	k, who := &i.main().Kernel, i.who()
	switch k.Fault {
	case "ECONNREFUSED":
		return clause{who, "has refused connections", "refused connections", "nothing listens at " + k.Place, false}
	case "ETIMEDOUT", "timeout":
		return clause{who, "has not answered", "did not answer", "connections from " + k.Peer + " time out", false}
	case "EHOSTUNREACH", "ENETUNREACH":
		return clause{who, "has been unreachable", "was unreachable", "no route to " + k.Place, false}
	}
	return clause{who, "has not accepted connections", "did not accept connections", "those from " + k.Peer + " to " + k.Place + " fail", false}
}
