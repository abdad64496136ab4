// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/tapio/tapio/internal/correlate/failure"
)

// phrase describes a class of failures of the cause, in the present perfect and in the
// past. Classes that only callers see have a phrase if calls of the cause fail.
func phrase(class failure.Class, byCallers bool) (now, past string) {
	switch class {
	case failure.Certificate:
		if byCallers {
			return "has had an invalid certificate", "had an invalid certificate"
		}
	case failure.Name:
		if byCallers {
			return "has been unresolvable (DNS)", "was unresolvable (DNS)"
		}
	case failure.Refused:
		if byCallers {
			return "has refused connections", "refused connections"
		}
	case failure.Unreachable:
		if byCallers {
			return "has been unreachable", "was unreachable"
		}
	case failure.Overload:
		if byCallers {
			return "has rejected calls: overloaded", "rejected calls: overloaded"
		}
	case failure.Unavailable:
		if byCallers {
			return "has been unavailable", "was unavailable"
		}
	case failure.Timeout:
		if byCallers {
			return "has been timing out", "timed out"
		}
	case failure.Lock:
		return "has had statements wait for locks", "had statements wait for locks"
	case failure.Pool:
		return "has had no free connection in its pool", "had no free connection in its pool"
	case failure.Disk:
		return "has had no disk space left", "had no disk space left"
	case failure.Memory:
		return "has run out of memory", "ran out of memory"
	case failure.None:
	}
	return "", ""
}

// classOf is the class of failures that a fact quotes.
func (f *Fact) classOf() failure.Class {
	switch f.Kind {
	case FactCallsFail, FactFailing, FactErrorLog:
		return failure.ClassOf(f.said())
	default:
		return failure.None
	}
}

// classClause names the mechanism by the class of failures of the main fact or, if it has
// none, of another fact about the cause.
func (i *Incident) classClause() (clause, bool) {
	f := i.main()
	switch f.Kind {
	case FactCallsFail, FactFailing, FactErrorLog:
	default:
		return clause{}, false
	}
	if i.released() && f.Kind != FactCallsFail {
		return clause{}, false // the release explains how it fails
	}
	for n := range i.Facts {
		f := &i.Facts[n]
		byCallers := f.Kind == FactCallsFail && f.Service == i.Cause.Name
		now, past := phrase(f.classOf(), byCallers)
		if now == "" {
			continue
		}
		detail := quoted(f.said(), 100)
		if f.Kind == FactCallsFail {
			detail = fmt.Sprintf("%s of calls from %s %s", Percent(f.After), f.Peer, ends(f.classOf()))
		}
		return clause{i.who(), now, past, detail, false}, true
	}
	return clause{}, false
}

// ends is how calls of a class end.
func ends(class failure.Class) string {
	if class == failure.Timeout {
		return "time out"
	}
	return "fail"
}

// commonClass describes how services of a place fail, if most of those with a class have
// the same one.
func (i *Incident) commonClass() (now, past string) {
	seen, classified := map[failure.Class]int{}, 0
	for n := range i.Facts {
		if class := i.Facts[n].classOf(); class != failure.None && class != failure.Timeout {
			seen[class]++
			classified++
		}
	}
	for class, n := range seen {
		if n >= 2 && 2*n > classified {
			return phrase(class, false)
		}
	}
	return "", ""
}

// lookupClause is the clause for names that are not resolved: of one host, or of several.
func (i *Incident) lookupClause() clause {
	f := i.main()
	detail := "lookups by " + Listed(f.Peers) + " fail with " + quoted(f.Quote, 60)
	if f.What == "" {
		now, past := phrase(failure.Name, true)
		return clause{i.who(), now, past, detail, false}
	}
	return clause{"name server " + i.who(), "has not resolved names", "did not resolve names", detail, false}
}
