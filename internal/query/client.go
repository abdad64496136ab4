// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query

import "context"

type clientKey struct{}

// WithClient returns a context of a request of the client: its authenticated name, else
// its address. What queries may take is shared between clients.
func WithClient(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, clientKey{}, name)
}

// ClientOf returns the client of a request, "" for the server's own work.
func ClientOf(ctx context.Context) string {
	name, _ := ctx.Value(clientKey{}).(string)
	return name
}
