// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command shopd is one service of a small shop that knows nothing of telemetry:
// all that is known of it is what the kernel sees. The scenarios run it under
// several names and break it by lines on its standard input.
package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// shopd is what one service does with each request.
type shopd struct {
	calls  []string // URLs of the next service's replicas, asked by turns; none: it calls nothing
	turn   atomic.Uint64
	work   time.Duration
	disk   *os.File
	ledger string // a file that each request adds to
	store  *store // a database that each request reads from
	client *http.Client
	// writers bounds the writes under way: on a disk that stalls each is a thread.
	writers chan struct{}

	slow atomic.Int64
	fail atomic.Uint64 // every so many requests fail, 0 for none
	seen atomic.Uint64
}

func main() {
	listen := flag.String("listen", "", "address to serve at")
	calls := flag.String("calls", "", "URL to call for each request; of several, with commas between them, one by turns")
	load := flag.String("load", "", "URL to call ten times a second, for ever")
	disk := flag.String("disk", "", "file to write to at each request")
	ledger := flag.String("ledger", "", "file to add to at each request")
	database := flag.String("database", "", "address of the Redis to read from at each request")
	resolver := flag.String("resolver", "", "address of the name server to ask at each call")
	names := flag.String("names", "", "address to answer questions for names at")
	work := flag.Duration("work", 0, "CPU time that a request takes")
	burn := flag.Int("burn", 0, "threads that use up a CPU each, for ever")
	crash := flag.Bool("crash", false, "panic once started")
	flag.Parse()

	if *crash {
		panic("cannot read the price list: unexpected end of file")
	}
	for range *burn {
		go spin(context.Background(), time.Hour)
	}
	s := &shopd{calls: strings.FieldsFunc(*calls, func(r rune) bool { return r == ',' }), work: *work, ledger: *ledger, client: clientOf(*resolver), writers: make(chan struct{}, 3)}
	if *disk != "" {
		s.disk = openDirect(*disk)
	}
	if *database != "" {
		s.store = newStore(*database)
	}
	if *load != "" {
		go s.load(*load)
	}
	if *names != "" {
		go serveNames(*names, &s.fail)
	}
	if *listen != "" {
		go s.serve(*listen)
	}
	s.obey(os.Stdin)
}

// clientOf queries the name server again for each connection, and makes one for each
// call where there is a name server.
func clientOf(resolver string) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	if resolver != "" {
		ask := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, resolver)
		}}
		transport.DialContext = (&net.Dialer{Resolver: ask}).DialContext
		transport.DisableKeepAlives = true
	}
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}
}

// serve begins when the service that it calls answers, as a readiness probe sees
// to elsewhere.
func (s *shopd) serve(address string) {
	for _, url := range s.calls {
		for s.call(url) != nil {
			time.Sleep(100 * time.Millisecond)
		}
	}
	server := &http.Server{Addr: address, Handler: http.HandlerFunc(s.handle), ReadHeaderTimeout: time.Second}
	log.Fatal(server.ListenAndServe())
}

func (s *shopd) handle(w http.ResponseWriter, r *http.Request) {
	if s.work > 0 {
		spin(r.Context(), s.work)
	}
	time.Sleep(time.Duration(s.slow.Load()))
	for _, use := range []func() error{s.write, s.enter, s.store.read} {
		if err := use(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	if every := s.fail.Load(); every > 0 && s.seen.Add(1)%every == 0 {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	if n := uint64(len(s.calls)); n > 0 {
		if err := s.call(s.calls[s.turn.Add(1)%n]); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	fmt.Fprintln(w, "done")
}

func (s *shopd) call(url string) error {
	response, err := s.client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode >= 500 {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// load sends requests whether or not those before are answered, as customers do.
func (s *shopd) load(url string) {
	for s.call(url) != nil { // the shop opens first
		time.Sleep(100 * time.Millisecond)
	}
	for range time.Tick(100 * time.Millisecond) {
		go func() { _ = s.call(url) }() // what comes of it is for others to see
	}
}

// spin uses CPU time, in small steps.
func spin(ctx context.Context, d time.Duration) {
	sum := sha256.Sum256(nil)
	for begin := time.Now(); time.Since(begin) < d && ctx.Err() == nil; {
		for range 100 {
			sum = sha256.Sum256(sum[:])
		}
	}
}

// obey breaks the service as the input says, until the input ends.
func (s *shopd) obey(input io.Reader) {
	var eaten [][]byte
	for lines := bufio.NewScanner(input); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "slow":
			d, err := time.ParseDuration(rest)
			if err != nil {
				log.Fatal(err)
			}
			s.slow.Store(int64(d))
		case "fail":
			every, err := strconv.ParseUint(cmp.Or(rest, "1"), 10, 64)
			if err != nil {
				log.Fatal(err)
			}
			s.fail.Store(every)
		case "heal":
			s.fail.Store(0)
			s.slow.Store(0)
		case "eat":
			for {
				eaten = append(eaten, make([]byte, 1<<20))
				for i := range eaten[len(eaten)-1] {
					eaten[len(eaten)-1][i] = byte(i)
				}
			}
		}
	}
}
