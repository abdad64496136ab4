// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// slackMessage is that of an incoming webhook: blocks, and a text for those who
// cannot show them.
type slackMessage struct {
	Text   string       `json:"text"`
	Blocks []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text,omitempty"`
	Elements []slackText `json:"elements,omitempty"`
}

type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// Slack's bounds, in characters, and how many alerts one message shows.
const (
	maxHeader      = 150
	maxSection     = 3000
	maxContext     = 2000
	maxSlackAlerts = 10
)

func slackBody(msg *message) ([]byte, error) {
	var body slackMessage
	var lines []string
	for i := range msg.Alerts {
		if i == maxSlackAlerts {
			more := fmt.Sprintf("%d further alerts", len(msg.Alerts)-maxSlackAlerts)
			lines = append(lines, more)
			body.Blocks = append(body.Blocks, section(more))
			break
		}
		c := &msg.Alerts[i]
		headline := headlineOf(c)
		lines = append(lines, escape(headline))
		body.Blocks = append(body.Blocks, slackBlocks(c, headline)...)
	}
	body.Text = cut(strings.Join(lines, "\n"), maxSection)
	return json.Marshal(body)
}

func slackBlocks(c *changed, headline string) []slackBlock {
	a := &c.Alert
	blocks := []slackBlock{{Type: "header", Text: &slackText{"plain_text", cut(headline, maxHeader)}}}
	var text strings.Builder
	if len(headline) > maxHeader {
		text.WriteString("*" + escape(a.Title) + "*\n")
	}
	text.WriteString(escape(a.Text))
	for _, action := range a.Actions {
		fmt.Fprintf(&text, "\n• %s", escape(action.Title))
		for _, command := range action.Commands {
			fmt.Fprintf(&text, "\n`%s`", escape(command))
		}
	}
	if a.RunbookURL != "" {
		fmt.Fprintf(&text, "\n<%s|Runbook>", a.RunbookURL)
	}
	if text.Len() > 0 {
		blocks = append(blocks, section(text.String()))
	}
	facts := []string{"severity " + string(a.Severity), "since " + a.StartsAt.UTC().Format(time.DateTime) + " UTC"}
	if !a.EndsAt.IsZero() {
		facts = append(facts, "until "+a.EndsAt.UTC().Format(time.DateTime)+" UTC")
	}
	if len(a.Services) > 0 {
		facts = append(facts, "services "+strings.Join(a.Services, ", "))
	}
	facts = append(facts, a.ID)
	return append(blocks, slackBlock{
		Type: "context", Elements: []slackText{{"mrkdwn", cut(escape(strings.Join(facts, " · ")), maxContext)}},
	})
}

func section(text string) slackBlock {
	return slackBlock{Type: "section", Text: &slackText{"mrkdwn", cut(text, maxSection)}}
}

// headlineOf is what happened, and to what.
func headlineOf(c *changed) string {
	word := map[Change]string{
		ChangeOpened: "Firing", ChangeSeverityRaised: "Now " + string(c.Alert.Severity), ChangeRecovering: "Recovering",
		ChangeResolved: "Resolved", ChangeReopened: "Firing again", ChangeMerged: "Merged into another incident",
	}[c.Changes[len(c.Changes)-1]]
	if strings.HasPrefix(c.Alert.Title, "Resolved ") || strings.HasPrefix(c.Alert.Title, "Closed, ") {
		return c.Alert.Title // it names how it ended
	}
	return word + ": " + c.Alert.Title
}

// escape replaces the characters that Slack reads as markup.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
