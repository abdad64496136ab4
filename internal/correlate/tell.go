// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tapio/tapio/internal/model"
)

// tell says in a few sentences what its reader needs first: who is on call, what
// it is and what to do; who writes the code, where it shows; who decides, whom it
// hits.
func (g *group) tell(sg *model.SemanticGroup, to model.InsightAudience) string {
	switch to {
	case model.AudienceManager:
		return g.tellManager(sg)
	case model.AudienceDeveloper:
		return g.tellDeveloper()
	default:
		text := sg.RootCause.Summary + " " + sg.Impact.Summary + " " + g.standing()
		if len(sg.Actions) > 0 {
			text += " First: " + sg.Actions[0].Title + "."
		}
		return text
	}
}

func (g *group) tellManager(sg *model.SemanticGroup) string {
	first := g.ranking[0]
	return fmt.Sprintf("Since %s, %s. %s %s (%s): %s. %s",
		clock(first.onset), plain(sg.Type), sg.Impact.Summary, capital(g.role()), percent(sg.Confidence), g.headline(), g.standing())
}

func (g *group) tellDeveloper() string {
	reason, own := g.reasonOf(&g.ranking[0]), g.ofService(g.ranking[0].service)
	var b strings.Builder
	if g.place != nil {
		fmt.Fprintf(&b, "%s: rather the place than the code. ", capital(g.place.text()))
	}
	fmt.Fprintf(&b, "%s.", sentence(reason))
	for _, s := range own {
		if s.subject.Kind == model.EntityCode {
			fmt.Fprintf(&b, " Look at %s first.", s.subject.Name)
			break
		}
	}
	for _, s := range further(reason, own) {
		fmt.Fprintf(&b, " %s.", sentence(s))
	}
	if trace := traceOf(own); trace != "" {
		fmt.Fprintf(&b, " A trace that shows it is %s.", trace)
	}
	if g.doubted() {
		fmt.Fprintf(&b, " If that is not it: %s.", g.reasonOf(&g.ranking[1]).text)
	}
	return b.String()
}

// reasonOf is the sign that a candidate is told by: its strongest or, where that is
// a step that is skipped and the code says why, what the code says; of what the
// kernel tells, what led to it.
func (g *group) reasonOf(r *ranked) *sign {
	own := g.ofService(r.service)
	if r.reason.key.class == classKernel {
		for _, s := range own {
			if s.key.class == classKernel && s.strength >= alarmStrength && leadsTo(s, r.reason) {
				return s
			}
		}
	}
	if r.reason.key.class != classPath {
		return r.reason
	}
	for _, s := range own {
		if s.quotes() && s.strength >= alarmStrength && near(s.onset, r.reason.onset) {
			return s
		}
	}
	return r.reason
}

// doubted reports whether there is another candidate that deserves a thought: one
// that is a twentieth as likely as the first.
func (g *group) doubted() bool {
	return len(g.ranking) > 1 && g.ranking[1].odds() >= g.ranking[0].odds()/20
}

// standing says whether it goes on.
func (g *group) standing() string {
	switch g.state {
	case model.GroupClosed:
		return fmt.Sprintf("It is over: nothing of it was seen since %s.", clock(g.last))
	case model.GroupMerged:
		return "It is part of another incident, " + g.into + "."
	default:
		return "It is going on." + g.remark
	}
}

// summary says in a paragraph who is the cause, how that shows, and who else might
// be.
func (g *group) summary(confidence float64) string {
	if g.place != nil {
		return g.place.summary(g, confidence)
	}
	first, reason := g.ranking[0], g.reasonOf(&g.ranking[0])
	var b strings.Builder
	fmt.Fprintf(&b, "%s is %s (%s), since %s: %s.", first.service, g.role(), percent(confidence), clock(first.onset), reason.text)
	for _, s := range further(reason, g.ofService(first.service)) {
		fmt.Fprintf(&b, " Also, %s.", s.text)
	}
	if g.doubted() {
		fmt.Fprintf(&b, " Next to be considered: %s (%s).", g.ranking[1].service, g.reasonOf(&g.ranking[1]).text)
	}
	return b.String()
}

// role says what the first candidate is held for.
func (g *group) role() string {
	if g.further {
		return "what to look at if it was none of the other causes"
	}
	return "the likeliest cause"
}

// maxFurther is how many signs are told besides the first.
const maxFurther = 3

// further chooses what to tell besides the reason: what the code itself says of
// it and what was changed before all, then one sign of each class, for three steps
// that are skipped tell no more than one. What a failure skips tells nothing. Events
// of the kernel are each a fact of their own.
func further(reason *sign, own []*sign) []*sign {
	told := map[class]bool{reason.key.class: true, classLoad: true, classPath: reason.key.class == classError}
	var list []*sign
	for _, pick := range [...]func(*sign) bool{
		(*sign).quotes,
		func(s *sign) bool { return s.key.what == releaseWhat },
		func(s *sign) bool { return (s.key.class == classKernel || !told[s.key.class]) && !s.counted() },
	} {
		for _, s := range own {
			if s != reason && len(list) < maxFurther && pick(s) && !slices.Contains(list, s) {
				told[s.key.class] = true
				list = append(list, s)
				if s.quotes() {
					break // one message says what it is about
				}
			}
		}
	}
	return list
}

// quotes reports whether the sign has the words in which the code itself says what
// is wrong.
func (s *sign) quotes() bool {
	return s.key.class == classError && s.brief == "" && s.key.what != "fails"
}

// counted reports whether it is a metric of the kernel's, whose events say the
// same in words.
func (s *sign) counted() bool {
	return s.key.class != classKernel && strings.HasPrefix(s.key.what, "tapio.")
}

// released is the release of the cause that set in shortly before, nil for none.
func (g *group) released() *sign {
	first := g.ranking[0]
	for _, s := range g.ofService(first.service) {
		if s.key.what == releaseWhat && s.onset <= first.onset+together && near(s.onset, first.onset) {
			return s
		}
	}
	return nil
}

// title names cause and effect in one line.
func title(g *group) string {
	text := clipped(g.headline(), 90)
	if g.further {
		return clipped("Next to be considered: "+text, 116)
	}
	if n := len(g.ranking) - 1; n > 0 && g.place == nil {
		text = fmt.Sprintf("%s; %d more affected", text, n)
	}
	return clipped(text, 116)
}

// headline says the cause in few words: of a failure, those of the code itself.
func (g *group) headline() string {
	if g.place != nil {
		return g.place.headline()
	}
	first, reason := g.ranking[0], g.reasonOf(&g.ranking[0])
	text := firstSentence(reason)
	if reason.key.class != classError || reason.brief != "" {
		return text
	}
	for _, s := range g.ofService(first.service) {
		if s.quotes() {
			text = first.service + " fails: " + clipped(message(s.key.what), 60)
			break
		}
	}
	if r := g.released(); r != nil {
		text = strings.Replace(text, " fails", " fails since release "+clipped(r.key.peer, 20), 1)
	}
	return text
}

// traceOf returns the trace of a span that is evidence, "" for none.
func traceOf(own []*sign) string {
	for _, s := range own {
		for _, ref := range s.evidence {
			if trace, _, found := strings.Cut(ref.ID, ":"); found && ref.Kind == model.EvidenceSpan {
				return trace
			}
		}
	}
	return ""
}

// sentence is the text of a sign as a sentence begins; the name of a service stays
// as it is.
func sentence(s *sign) string {
	first, _, _ := strings.Cut(s.text, " ")
	if strings.HasPrefix(s.text, s.key.service) || strings.ContainsAny(first, "._/") { // or a metric, or an operation
		return s.text
	}
	return capital(s.text)
}

func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 || first == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

func plain(t model.GroupType) string {
	switch t {
	case model.GroupDeployment:
		return "a service behaves otherwise than before, as after a change of its code"
	case model.GroupFailureCascade:
		return "a service fails"
	case model.GroupResourceExhaustion:
		return "a resource is used up"
	case model.GroupNetwork:
		return "the network between services fails or is slow"
	case model.GroupSecurity:
		return "something happens that nobody may do"
	default:
		return "a service is slow"
	}
}
