// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package app

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/internal/semconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	// completionTimeout is how long the shell waits for words of the server.
	completionTimeout = 2 * time.Second
	completionWords   = 200
)

// completion completes a word by what the server knows.
type completion = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// complete asks the server for words. Without an answer there are none: a shell
// has no place for an error.
func (a *App) complete(ask func(ctx context.Context, c Clients, begun string) ([]string, error)) completion {
	return func(cmd *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		var words []string
		body := a.Connected(func(ctx context.Context, c Clients, _ []string) (err error) {
			ctx, cancel := context.WithTimeout(ctx, completionTimeout)
			defer cancel()
			words, err = ask(ctx, c, begun)
			return err
		})
		if err := a.CompleteFlags(cmd.Flags().Changed); err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if err := body(cmd, nil); err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteFlag registers a completion of a flag that was added.
func (a *App) CompleteFlag(cmd *cobra.Command, flag string, with completion) {
	if err := cmd.RegisterFlagCompletionFunc(flag, with); err != nil { // only for a flag that was not added
		panic(err)
	}
}

// CompleteLabels completes names of labels.
func (a *App) CompleteLabels(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return a.complete(func(ctx context.Context, c Clients, begun string) ([]string, error) {
		response, err := c.Observability.ListLabels(ctx, &tapiov1.ListLabelsRequest{
			Prefix: begun, Filter: &tapiov1.Filter{Limit: completionWords},
		})
		var words []string
		for _, label := range response.GetLabels() {
			words = append(words, label.GetName())
		}
		return words, err
	})(cmd, args, begun)
}

// completeValues completes the values of a label.
func (a *App) completeValues(label string) completion {
	return a.complete(func(ctx context.Context, c Clients, begun string) ([]string, error) {
		response, err := c.Observability.ListLabelValues(ctx, &tapiov1.ListLabelValuesRequest{
			Label: label, Prefix: begun, Filter: &tapiov1.Filter{Limit: completionWords},
		})
		var words []string
		for _, value := range response.GetValues() {
			words = append(words, value.GetValue())
		}
		return words, err
	})
}

func (a *App) completeMetrics(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return a.complete(func(ctx context.Context, c Clients, begun string) ([]string, error) {
		response, err := c.Observability.ListMetrics(ctx, &tapiov1.ListMetricsRequest{
			MetricNames: []string{begun + "*"}, Filter: &tapiov1.Filter{Limit: completionWords},
		})
		var words []string
		for _, metric := range response.GetMetrics() {
			words = append(words, metric.GetName())
		}
		return words, err
	})(cmd, args, begun)
}

// CompleteAll completes the flags that name services, namespaces, metrics,
// operations and labels, and the ids of records, traces and incidents, in all
// commands.
func (a *App) CompleteAll(cmd *cobra.Command) {
	for flag, with := range map[string]completion{
		"service": a.completeValues(semconv.ServiceName), "namespace": a.completeValues("namespace"),
		"name": a.completeMetrics, "operation": a.completeValues("name"), "event-name": a.completeValues("name"),
	} {
		if cmd.Flags().Lookup(flag) != nil {
			a.CompleteFlag(cmd, flag, with)
		}
	}
	if with := a.argumentCompletions()[cmd.CommandPath()]; with != nil {
		cmd.ValidArgsFunction = with
	}
	for _, child := range cmd.Commands() {
		a.CompleteAll(child)
	}
}

// argumentCompletions complete the ids that commands take, by command.
func (a *App) argumentCompletions() map[string]completion {
	return map[string]completion{
		"tapioctl explain": a.complete(func(ctx context.Context, c Clients, begun string) ([]string, error) {
			response, err := c.Tapio.GetSemanticGroups(ctx, &tapiov1.GetSemanticGroupsRequest{Filter: &tapiov1.Filter{Limit: completionWords}})
			return wordsOf(begun, response.GetGroups(), (*tapiov1.SemanticGroup).GetId), err
		}),
		"tapioctl get trace": a.complete(func(ctx context.Context, c Clients, begun string) ([]string, error) {
			response, err := c.Observability.GetTraces(ctx, &tapiov1.GetTracesRequest{
				Query: &tapiov1.TraceQuery{Filter: &tapiov1.Filter{Limit: completionWords}},
			})
			return wordsOf(begun, response.GetTraces(), (*tapiov1.Trace).GetTraceId), err
		}),
		"tapioctl get event": a.complete(func(ctx context.Context, c Clients, begun string) ([]string, error) {
			response, err := c.Tapio.GetEvents(ctx, &tapiov1.GetEventsRequest{Filter: &tapiov1.Filter{Limit: completionWords}})
			return wordsOf(begun, response.GetEvents(), (*tapiov1.Event).GetId), err
		}),
	}
}

// wordsOf returns the words of items that begin so.
func wordsOf[Item any](begun string, items []Item, word func(Item) string) []string {
	found := matches{prefix: begun}
	for _, item := range items {
		found.add(word(item))
	}
	return found.ids
}
