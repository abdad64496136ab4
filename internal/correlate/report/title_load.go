// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"
)

// loadClause is for what shows how much a service has to do, and for what only its
// sentence says.
func (i *Incident) loadClause() clause {
	f, who := i.main(), i.who()
	switch f.Kind {
	case FactTraffic:
		return clause{who, "has received far less traffic", "received far less traffic", fmt.Sprintf("%s requests/s (baseline %s)", Rounded(f.After), Rounded(f.Before)), false}
	case FactLag:
		return clause{
			who, "has lagged behind " + f.Peer, "lagged behind " + f.Peer,
			fmt.Sprintf("messages wait for %s (baseline %s)", Millis(f.After), Millis(f.Before)), false,
		}
	case FactOverload:
		return clause{who, "has been overloaded", "was overloaded", fmt.Sprintf("%s requests/s (baseline %s)", Rounded(f.After), Rounded(f.Before)), false}
	case FactReported:
		return f.reportedClause(who)
	default:
		return clause{who, "has been unusual", "was unusual", f.Sentence, false}
	}
}

// reportedClause repeats the reason that a node gives, which begins with the service as a rule.
func (f *Fact) reportedClause(who string) clause {
	reason, named := strings.CutPrefix(f.What, f.Service+" ")
	if !named {
		return clause{who, "has a fault", "had a fault", f.What, false}
	}
	verb, detail := reason, ""
	if at := strings.IndexAny(reason, ":(;"); at > 0 {
		verb, detail = strings.TrimSpace(reason[:at]), strings.Trim(reason[at:], ":; ")
	}
	if f.Node != "" {
		verb += " on " + f.Node
	}
	return clause{who, verb, verb, detail, false}
}
