// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redisstate

import (
	"context"

	"github.com/gomodule/redigo/redis"
)

// transaction is commands that are carried out together, or not at all.
type transaction struct {
	conn  redis.Conn
	begun bool
	err   error
}

// send adds a command.
func (t *transaction) send(command string, args ...any) {
	if !t.begun {
		t.begun, t.err = true, t.conn.Send("MULTI")
	}
	if t.err == nil {
		t.err = t.conn.Send(command, args...)
	}
}

// commit carries the commands out.
func (t *transaction) commit(ctx context.Context) error {
	if t.err != nil || !t.begun {
		return t.err
	}
	_, err := redis.DoContext(t.conn, ctx, "EXEC")
	return err
}
