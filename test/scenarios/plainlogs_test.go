// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// plainConfig reads files of lines, as who has nothing but log files does: no
// traces, no metrics, no names of services, and severities only in the text.
const plainConfig = `
receivers:
  file_log:
    include: [FOLDER/*.log]
    start_at: beginning
    poll_interval: 50ms
    operators:
      - type: regex_parser
        regex: '^(?P<time>\S+) '
        timestamp: {parse_from: attributes.time, layout_type: gotime, layout: "2006-01-02T15:04:05.000Z07:00"}
processors: {semantic_correlation: {}}
exporters: {tapio: {extension: tapio}}
extensions:
  tapio:
    grpc: {endpoint: "localhost:0"}
    http: {enabled: false}
service:
  extensions: [tapio]
  telemetry: {logs: {encoding: json}, metrics: {level: none}}
  pipelines:
    logs: {receivers: [file_log], processors: [semantic_correlation], exporters: [tapio]}
`

// logFiles are those of some programs, written in event time.
type logFiles struct {
	t      *testing.T
	folder string
	at     time.Time
	n      int
}

func (l *logFiles) write(program, text string) {
	l.t.Helper()
	f, err := os.OpenFile(filepath.Join(l.folder, program+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(l.t, err)
	_, err = fmt.Fprintf(f, "%s %s\n", l.at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), text)
	require.NoError(l.t, err)
	require.NoError(l.t, f.Close())
}

// seconds writes what the programs of a shop do; payment may have lost its database.
func (l *logFiles) seconds(count int, lost bool) {
	l.t.Helper()
	for range count {
		for range 4 {
			l.n++
			l.write("web", fmt.Sprintf("INFO served GET /buy of session %d in %d ms", l.n, 20+l.n%7))
			if lost {
				l.write("payment", fmt.Sprintf("ERROR cannot charge order %d: pool of database orders-db exhausted", l.n))
				l.write("payment", fmt.Sprintf("WARN retrying charge of order %d in 500 ms", l.n))
				continue
			}
			l.write("payment", fmt.Sprintf("INFO charged order %d", l.n))
		}
		if l.n%60 == 0 {
			l.write("payment", "WARN retrying charge of order 17 in 500 ms")
			l.write("web", "ERROR cannot read the favicon")
		}
		l.at = l.at.Add(time.Second)
	}
}

// Plain lines are enough: an error that a program never wrote before, and now writes again and
// again, is an incident, with the lines that it writes more or less often.
func TestAFloodOfANewErrorInPlainLogs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	logs := &logFiles{t: t, folder: t.TempDir(), at: time.Now().Add(-8 * time.Minute).Truncate(time.Second)}
	c, err := running.Start(ctx, filepath.Join("..", "..", "bin", "tapio"), strings.Replace(plainConfig, "FOLDER", logs.folder, 1))
	require.NoError(t, err)
	defer c.Stop()
	api := tapiov1.NewTapioServiceClient(c.API)
	logs.seconds(300, false)
	logs.awaitStored(ctx, c)
	groups, _ := reported(ctx, t, api)
	require.Empty(t, groups, "a warning and an error now and then are none")

	for range 65 { // as it is written; the engine waits up to a minute for what is late, so that no file is read far ahead of the other
		logs.seconds(2, true)
		logs.awaitStored(ctx, c)
	}
	groups, insights := reported(ctx, t, api)
	require.Len(t, groups, 1)
	g := groups[0]
	require.Equal(t, "payment", causeOf(g))
	require.Equal(t, tapiov1.SemanticGroup_TYPE_FAILURE_CASCADE, g.GetType())
	require.Regexp(t, `^payment has been failing since \d\d:\d\d:\d\d UTC: "cannot charge order \d+: pool of database orders-db exhausted"$`, g.GetTitle())
	require.Contains(t, g.GetRootCause().GetSummary(), "payment logs \"retrying charge of order <*> in <*> ms\"")
	require.Len(t, insights, 3)
	require.Contains(t, tapioctl(ctx, t, c, "tapioctl explain "+g.GetId()), "$ tapioctl get logs -l 'log.file.name=payment.log' --since ")
	logs.requireEvidence(ctx, c, g)
	requireCommands(ctx, t, c, g)
}

// awaitStored waits until the newest line of each file is in the store.
func (l *logFiles) awaitStored(ctx context.Context, c *running.Collector) {
	l.t.Helper()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for file, last := range map[string]string{"web.log": fmt.Sprintf("of session %d in", l.n), "payment.log": fmt.Sprintf("order %d", l.n)} {
		for !strings.Contains(tapioctl(ctx, l.t, c, "tapioctl get logs -l log.file.name="+file+" --limit 5 -o json"), last) {
			select {
			case <-ctx.Done():
				require.NoError(l.t, ctx.Err())
			case <-poll.C:
			}
		}
	}
}

// requireEvidence looks up the records that are named, as lines of the log files.
func (l *logFiles) requireEvidence(ctx context.Context, c *running.Collector, g *tapiov1.SemanticGroup) {
	l.t.Helper()
	said := map[string]bool{}
	for _, member := range g.GetMembers() {
		require.Equal(l.t, tapiov1.EvidenceRef_KIND_EVENT, member.GetKind())
		record := tapioctl(ctx, l.t, c, "tapioctl get logs -l log.record.uid="+member.GetId()+" -o json")
		require.Contains(l.t, record, "payment.log")
		for _, word := range []string{"ERROR cannot charge", "WARN retrying"} {
			said[word] = said[word] || strings.Contains(record, word)
		}
		require.Contains(l.t, record, "log.record.template")
	}
	require.Equal(l.t, map[string]bool{"ERROR cannot charge": true, "WARN retrying": true}, said)
	marked := tapioctl(ctx, l.t, c, "tapioctl get logs -l tapio.group.id="+g.GetId()+" -o json")
	require.Contains(l.t, marked, "cannot charge order", "what belongs to an incident says so")
}
