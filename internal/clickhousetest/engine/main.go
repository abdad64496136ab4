// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command engine serves the engine of ClickHouse on loopback, for tests. It prints the
// addresses that it listens on, HTTP and native, and ends with its standard input.
package main

import (
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/tapio/tapio/internal/clickhousetest/server"
)

func main() {
	library := flag.String("lib", os.Getenv("CHDB_LIB_PATH"), "libchdb.so")
	directory := flag.String("directory", "", "data directory")
	address := flag.String("listen", "127.0.0.1:0", "address for HTTP")
	user := flag.String("user", "", "user that clients must have")
	password := flag.String("password", "", "password of the user")
	flag.Parse()
	s, err := server.New(*library, *directory)
	if err != nil {
		log.Fatal(err)
	}
	s.User, s.Password = *user, *password
	overHTTP, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	native, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(overHTTP.Addr(), native.Addr())
	go func() { log.Print(s.ServeNative(native)) }()
	httpServer := &http.Server{Handler: s, ReadHeaderTimeout: time.Minute, MaxHeaderBytes: 4 << 20}
	go func() { log.Print(httpServer.Serve(overHTTP)) }()
	_, _ = io.Copy(io.Discard, os.Stdin) // who started it has ended
	os.Exit(0)                           // the engine's threads do not end by themselves
}
