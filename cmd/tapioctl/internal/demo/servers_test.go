// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// serve runs a server on a free port until the test ends.
func serve(t *testing.T, run func(context.Context, net.Listener) error) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
	})
	return listener.Addr().String()
}

// A driver of PostgreSQL speaks with the database as with a real one.
func TestDatabaseAnswersADriver(t *testing.T) {
	server := &service{}
	address := serve(t, server.serveDatabase)
	client := &service{settings: settings{Addresses: map[string]string{database: address}}}
	pool, err := client.openDatabase(t.Context())
	require.NoError(t, err)
	defer pool.Close()

	require.NoError(t, pool.Ping(t.Context()))
	tag, err := pool.Exec(t.Context(), "INSERT INTO charges (order_id, amount) VALUES ($1, $2)", 7, 12)
	require.NoError(t, err)
	assert.Equal(t, "INSERT 0 1", tag.String())
	tag, err = pool.Exec(t.Context(), "update charges SET settled = true WHERE order_id = $1", 7)
	require.NoError(t, err)
	assert.Equal(t, "UPDATE 1", tag.String())
}

// A slow statement ends with the error of PostgreSQL once the timeout of the
// session has passed.
func TestDatabaseCancelsASlowStatement(t *testing.T) {
	server := &service{}
	server.faults.set(dbSlow, true)
	address := serve(t, server.serveDatabase)
	conn, err := pgconn.Connect(t.Context(), "postgres://payment@"+address+"/payments?sslmode=disable&statement_timeout=1")
	require.NoError(t, err)
	defer func() { assert.NoError(t, conn.Close(context.Background())) }()

	_, err = conn.Exec(t.Context(), "INSERT INTO charges VALUES (1)").ReadAll()
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, "57014", refused.Code)
	assert.Equal(t, "canceling statement due to statement timeout", refused.Message)

	_, err = conn.Prepare(t.Context(), "s", "SELECT 1", nil)
	require.ErrorAs(t, err, &refused, "what is not supported is refused")
}

// A client of Redis uses the cache and the queue as it uses real ones.
func TestKeysAnswerAClient(t *testing.T) {
	address := serve(t, serveKeys)
	client := (&service{settings: settings{Addresses: map[string]string{cache: address}}}).newKeys(cache)
	defer func() { assert.NoError(t, client.pool.Close()) }()
	answer := func(command string, arguments ...any) any {
		value, err := client.do(t.Context(), command, arguments...)
		require.NoError(t, err)
		if text, ok := value.([]byte); ok {
			return string(text)
		}
		return value
	}
	assert.Equal(t, "PONG", answer("PING"))
	assert.Nil(t, answer("GET", "cart:1"))
	assert.Equal(t, "OK", answer("SET", "cart:1", "sku-42"))
	assert.Equal(t, "sku-42", answer("GET", "cart:1"))

	assert.EqualValues(t, 1, answer("RPUSH", ordersList, "first"))
	assert.EqualValues(t, 2, answer("RPUSH", ordersList, "second"))
	assert.EqualValues(t, 2, answer("LLEN", ordersList))
	assert.Equal(t, "first", answer("LPOP", ordersList))
	assert.Equal(t, "second", answer("LPOP", ordersList))
	assert.Nil(t, answer("LPOP", ordersList))
	_, err := client.do(t.Context(), "HSET", "cart:1", "a", 1)
	require.EqualError(t, err, "ERR unknown command 'HSET', or its arguments")
}

// What the key-value server keeps is bounded.
func TestKeysAreBounded(t *testing.T) {
	store := &keyStore{strings: map[string][]byte{}, lists: map[string][][]byte{}}
	var last recorder
	for range maxElements + 1 {
		store.push(&last, ordersList, []byte("x"))
	}
	assert.Len(t, store.lists[ordersList], maxElements)
	assert.Equal(t, outOfMemory, last.failure)
}

// A name that is no process of the shop does not resolve.
func TestDialKnowsTheShopOnly(t *testing.T) {
	_, err := settings{}.dial(t.Context(), "tcp", "example.com:80")
	require.EqualError(t, err, "lookup example.com: no such host")
	_, err = settings{}.dial(t.Context(), "tcp", "example.com")
	var address *net.AddrError
	require.True(t, errors.As(err, &address))
}
