// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Report is what came of all systems.
type Report struct {
	Systems []*System
}

func (r *Report) add(s *System) { r.Systems = append(r.Systems, s) }

// Tally sums up the faults of a kind.
type Tally struct {
	Faults, Detected, First, Third, Mechanism, Impact, Extra, Unseen int
	ToDetect, ToResolve                                              []float64
	Resolved                                                         int
}

func (t *Tally) add(c *Case) {
	if !c.Scored {
		t.Unseen++
		return
	}
	t.Faults++
	if !c.Detected {
		return
	}
	t.Detected++
	t.Extra += c.Extra
	t.ToDetect = append(t.ToDetect, c.ToDetect)
	count := func(n *int, right bool) {
		if right {
			*n++
		}
	}
	count(&t.First, c.Place == 1)
	count(&t.Third, c.Place >= 1 && c.Place <= 3)
	count(&t.Mechanism, c.Mechanism)
	count(&t.Impact, c.ImpactRight)
	if c.Resolved {
		t.Resolved++
		t.ToResolve = append(t.ToResolve, c.ToResolve)
	}
}

// All sums up the faults of all kinds.
func (r *Report) All() *Tally {
	all := &Tally{}
	for _, s := range r.Systems {
		for _, c := range s.Cases {
			all.add(c)
		}
	}
	return all
}

// FalsePerDay is how many false pages there were in a day of 20 services.
func (r *Report) FalsePerDay() float64 {
	pages, days := 0, 0.0
	for _, s := range r.Systems {
		pages += len(s.False)
		days += s.Hours / 24 * float64(s.services) / 20
	}
	return float64(pages) / days
}

// Print writes the tables.
func (r *Report) Print(out io.Writer) {
	byKind, pairs, falses := map[string]*Tally{}, map[string]*Tally{}, map[string]int{}
	hours, spans, lost := 0.0, 0, uint64(0)
	for _, s := range r.Systems {
		hours += s.Hours
		spans += s.Spans
		lost += s.Lost
		for _, c := range s.Cases {
			if byKind[c.Kind] == nil {
				byKind[c.Kind] = &Tally{}
			}
			byKind[c.Kind].add(c)
			if c.Pair != "" {
				if pairs[c.Pair] == nil {
					pairs[c.Pair] = &Tally{}
				}
				pairs[c.Pair].add(c)
			}
		}
		for _, f := range s.False {
			falses[f.During]++
		}
	}
	if len(byKind) > 0 {
		fmt.Fprintf(out, "\n%-30s %6s %8s %6s %6s %9s %6s %5s %9s %9s %8s\n",
			"fault", "faults", "detected", "AS@1", "AS@3", "mechanism", "impact", "extra", "to detect", "resolved", "after")
		for _, kind := range slices.Sorted(maps.Keys(byKind)) {
			byKind[kind].print(out, kind)
		}
		for _, pair := range slices.Sorted(maps.Keys(pairs)) {
			pairs[pair].print(out, "of two "+pair)
		}
		r.All().print(out, "all")
	}
	fmt.Fprintf(out, "\n%-30s %6s\n", "false pages during", "")
	for _, kind := range slices.Sorted(maps.Keys(falses)) {
		name := kind
		if name == "" {
			name = "nothing planned"
		}
		fmt.Fprintf(out, "%-30s %6d\n", name, falses[kind])
	}
	r.Calibration().print(out)
	fmt.Fprintf(out, "\n%d systems, %.1f h, %d spans; %.2f false pages a day of 20 services", len(r.Systems), hours, spans, r.FalsePerDay())
	if lost > 0 {
		fmt.Fprintf(out, "; %d records were lost by the stream, figures are not complete", lost)
	}
	fmt.Fprintln(out)
}

func (t *Tally) print(out io.Writer, name string) {
	share := func(n int) string {
		if t.Faults == 0 {
			return "-"
		}
		return fmt.Sprintf("%.0f%%", 100*float64(n)/float64(t.Faults))
	}
	fmt.Fprintf(out, "%-30s %6d %8s %6s %6s %9s %6s %5d %8.0fs %9s %7.0fs\n", name, t.Faults, share(t.Detected), share(t.First), share(t.Third),
		share(t.Mechanism), share(t.Impact), t.Extra, median(t.ToDetect), share(t.Resolved), median(t.ToResolve))
}

func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// JSON writes everything.
func (r *Report) JSON(out io.Writer) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// dump writes a system as text for people and as JSON.
func (s *System) dump(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	name := filepath.Join(folder, fmt.Sprintf("system-%d", s.Seed))
	var text strings.Builder
	s.progress(&text)
	encoded, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".json", encoded, 0o600); err != nil {
		return err
	}
	return os.WriteFile(name+".txt", []byte(text.String()), 0o600)
}

// progress writes what was right and wrong of a system.
func (s *System) progress(out io.Writer) {
	fmt.Fprintf(out, "system %d: %s; %.1f h in %.0f s, %d spans, %d pages, %d of them false\n", s.Seed, s.About, s.Hours, s.Seconds, s.Spans, s.Pages, len(s.False))
	for _, c := range s.Cases {
		c.print(out)
	}
	for _, f := range s.False {
		during := f.During
		if during == "" {
			during = "nothing planned"
		}
		fmt.Fprintf(out, "  FALSE %s during %s\n", f.Opened.Format("Mon 15:04:05"), during)
		f.print(out)
	}
}

func (c *Case) print(out io.Writer) {
	verdict := "missed"
	switch {
	case !c.Scored:
		verdict = "almost no one affected"
	case c.Detected && c.Place == 1 && c.Mechanism:
		verdict = "right"
	case c.Detected:
		verdict = fmt.Sprintf("entity at %d, mechanism %v", c.Place, c.Mechanism)
	}
	fmt.Fprintf(out, "  %s %s to %s: %s; want %s of %q; %d of %d requests failed, %d slow: %s\n", c.Kind, c.Start.Format("Mon 15:04:05"), c.End.Format("15:04:05"),
		c.Detail, strings.Join(c.Mechanisms, "|"), c.Entities, c.Failed, c.Requests, c.Slow, strings.ToUpper(verdict))
	if c.Group != nil {
		fmt.Fprintf(out, "    after %.0f s; over after %.0f s; affected %.1f%%, said %.1f%%\n", c.ToDetect, c.ToResolve, 100*c.ImpactShare, 100*c.ImpactSaid)
		c.Group.print(out)
		if !c.ImpactRight {
			for i := range c.ByOperation {
				c.ByOperation[i].print(out)
			}
		}
	}
	for _, o := range c.Others {
		fmt.Fprintf(out, "    ALSO\n")
		o.print(out)
	}
}

func (s *Said) print(out io.Writer) {
	fmt.Fprintf(out, "    | %s (%s, %.2f, opened %s, %s to %s, mechanisms %v)\n", s.Title, s.Type, s.Confidence, s.Opened.Format("15:04:05"), s.From.Format("15:04:05"), s.To.Format("15:04:05"), s.Mechanisms)
	for n, cause := range s.Causes {
		if n < 3 {
			fmt.Fprintf(out, "    |   %d. %s\n", n+1, cause)
		}
	}
}
