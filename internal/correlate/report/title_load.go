// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import "fmt"

// loadClause is for what tells how much a service has to do, and for what only its
// sentence says.
func (i *Incident) loadClause() clause {
	f, who := i.main(), i.who()
	switch f.Kind {
	case FactTraffic:
		return clause{who, "has received far less traffic", "received far less traffic", fmt.Sprintf("%.2g requests/s (baseline %.2g)", f.After, f.Before), false}
	case FactLag:
		return clause{
			who, "has lagged behind " + f.Peer, "lagged behind " + f.Peer,
			fmt.Sprintf("messages wait for %s (baseline %s)", Millis(f.After), Millis(f.Before)), false,
		}
	case FactOverload:
		return clause{who, "has been overloaded", "was overloaded", fmt.Sprintf("%.2g requests/s (baseline %.2g)", f.After, f.Before), false}
	}
	return clause{who, "has been unusual", "was unusual", f.Sentence, false}
}
