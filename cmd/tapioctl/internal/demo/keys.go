// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/tidwall/redcon"
)

// The bounds of what a key-value server keeps.
const (
	maxKeys     = 10_000
	maxElements = 100_000
)

// keysLimit is how long a client waits for an answer.
const keysLimit = 2 * time.Second

const outOfMemory = "OOM command not allowed when used memory > 'maxmemory'."

// keyStore holds strings and one kind of lists, as far as the shop needs them.
type keyStore struct {
	mu      sync.Mutex
	strings map[string][]byte
	lists   map[string][][]byte
}

// serveKeys speaks the protocol of Redis until the context is done.
func serveKeys(ctx context.Context, listener net.Listener) error {
	store := &keyStore{strings: map[string][]byte{}, lists: map[string][][]byte{}}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	err := redcon.Serve(listener, store.handle, func(redcon.Conn) bool { return true }, func(redcon.Conn, error) {})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (k *keyStore) handle(conn redcon.Conn, cmd redcon.Command) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name, args := strings.ToUpper(string(cmd.Args[0])), cmd.Args[1:]
	switch {
	case name == "PING":
		conn.WriteString("PONG")
	case name == "GET" && len(args) == 1:
		writeOrNull(conn, k.strings[string(args[0])])
	case name == "SET" && len(args) >= 2:
		k.set(conn, string(args[0]), args[1])
	case name == "RPUSH" && len(args) == 2:
		k.push(conn, string(args[0]), args[1])
	case name == "LPOP" && len(args) == 1:
		writeOrNull(conn, k.pop(string(args[0])))
	case name == "LLEN" && len(args) == 1:
		conn.WriteInt(len(k.lists[string(args[0])]))
	default:
		conn.WriteError("ERR unknown command '" + name + "', or its arguments")
	}
}

func writeOrNull(conn redcon.Conn, value []byte) {
	if value == nil {
		conn.WriteNull()
		return
	}
	conn.WriteBulk(value)
}

func (k *keyStore) set(conn redcon.Conn, key string, value []byte) {
	if _, known := k.strings[key]; !known && len(k.strings) == maxKeys {
		conn.WriteError(outOfMemory)
		return
	}
	k.strings[key] = append([]byte{}, value...) // the buffer is used again
	conn.WriteString("OK")
}

func (k *keyStore) push(conn redcon.Conn, key string, value []byte) {
	if len(k.lists[key]) == maxElements || len(k.lists) == maxKeys {
		conn.WriteError(outOfMemory)
		return
	}
	k.lists[key] = append(k.lists[key], append([]byte{}, value...))
	conn.WriteInt(len(k.lists[key]))
}

func (k *keyStore) pop(key string) []byte {
	list := k.lists[key]
	if len(list) == 0 {
		return nil
	}
	k.lists[key] = list[1:]
	return list[0]
}

// keys is a client of the cache or the queue.
type keys struct{ pool *redis.Pool }

func (s *service) newKeys(server string) keys {
	return keys{&redis.Pool{
		MaxIdle: 4, MaxActive: 16, Wait: true, IdleTimeout: time.Minute,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			conn, err := s.dial(ctx, "tcp", server+":6379")
			if err != nil {
				return nil, err
			}
			return redis.NewConn(conn, keysLimit, keysLimit), nil
		},
	}}
}

// do runs one command. It tries once: the caller decides about more.
func (k keys) do(ctx context.Context, command string, arguments ...any) (any, error) {
	conn, err := k.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // returns it to the pool
	return redis.DoContext(conn, ctx, command, arguments...)
}
