// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// peer is a server that is asked the same as another one; api is the address before the
// path of a question.
type peer struct{ name, api string }

// peerQuestion is a request that both answer.
type peerQuestion struct {
	name, path string
	form       url.Values
}

// comparePeers asks Tapio, which is the first, and its peer each question and prints how
// long they take to answer.
func comparePeers(ctx context.Context, set settings, peers [2]peer, questions []peerQuestion, out io.Writer) error {
	fmt.Fprintf(out, "\n| query | %[1]s, median | %[1]s, p99 | %[2]s, median | %[2]s, p99 | ratio of medians | in the answer |\n|---|---|---|---|---|---|---|\n",
		peers[0].name, peers[1].name)
	var ratios []float64
	for _, q := range questions {
		times, answers, err := askBoth(ctx, set, peers, q)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		ours, theirs := quantile(times[0], .5), quantile(times[1], .5)
		ratio := ours.Seconds() / theirs.Seconds()
		ratios = append(ratios, ratio)
		fmt.Fprintf(out, "| %s | %v | %v | %v | %v | %.2f | %d |\n", q.name,
			rounded(ours), rounded(quantile(times[0], .99)), rounded(theirs), rounded(quantile(times[1], .99)), ratio, answers)
	}
	fmt.Fprintf(out, "\nMedian of the ratios: %.2f; load average after: %s\n", median(ratios), loadAverage())
	return nil
}

// askBoth asks the servers in turn until each was asked often enough. The answers must
// have the same length.
func askBoth(ctx context.Context, set settings, peers [2]peer, q peerQuestion) (times [2][]time.Duration, answers int, err error) {
	began := time.Now()
	for asked := 0; asked < warmups+set.Repetitions && (asked <= warmups || time.Since(began) < set.QueryLimit); asked++ {
		var found [2]int
		for i := range peers {
			i = (i + asked) % len(peers) // each goes first as often
			start := time.Now()
			if found[i], err = peers[i].ask(ctx, q); err != nil {
				return times, 0, fmt.Errorf("%s: %w", peers[i].name, err)
			}
			if asked >= warmups {
				times[i] = append(times[i], time.Since(start))
			}
		}
		if found[0] != found[1] || found[0] == 0 {
			return times, 0, fmt.Errorf("%s answers %d series, values or traces, %s %d", peers[0].name, found[0], peers[1].name, found[1])
		}
		answers = found[0]
	}
	return times, answers, nil
}

// ask returns how many series, values or traces the answer has.
func (p peer) ask(ctx context.Context, q peerQuestion) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+q.path+"?"+q.form.Encode(), http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %d: %s", resp.StatusCode, body[:min(len(body), 500)])
	}
	return countAnswer(body)
}

// countAnswer counts the series of a result, or the values of a list; target_info, which
// Prometheus is not sent, does not count.
func countAnswer(body []byte) (int, error) {
	var answer struct{ Data json.RawMessage }
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, err
	}
	var list []json.RawMessage
	if json.Unmarshal(answer.Data, &list) != nil {
		var result struct{ Result []json.RawMessage }
		if err := json.Unmarshal(answer.Data, &result); err != nil {
			return 0, err
		}
		list = result.Result
	}
	n := 0
	for _, one := range list {
		if !strings.Contains(string(one), "target_info") {
			n++
		}
	}
	return n, nil
}
