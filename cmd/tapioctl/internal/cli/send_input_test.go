// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/send"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A part of the input that cannot be sent is named by file, line and field, and
// skipped; --strict stops there. The rest is stored.
func TestSendSkipsWhatCannotBeSent(t *testing.T) {
	const good = `{"logRecord":{"eventName":"a"}}` + "\n"
	for input, want := range map[string]string{
		good + "\n" + `{"logRecord":{"eventName":5}}`: "stdin:3: skipped: logRecord.eventName: must be a string in quotes, got 5",
		good + `{"logRecord":{"severityNumber":99}}`:  "stdin:2: skipped: log_record.severity_number: must be 0 to 24, is 99",
		good + `{"logRecord":{"severityText":"x"}`:    "stdin:2: skipped: is not JSON",
		good + `{"logRecord" 5}`:                      "stdin:2: skipped: is not JSON",
		good + `{"nonsense":1}`:                       "stdin:2: skipped: has none of the keys",
		good + "{\n" + `"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":99}]}]}]}`: "stdin:2: skipped: resourceLogs[0].scopeLogs[0].logRecords[0].severity_number: must be 0 to 24",
		good + `[1]`: "stdin:2: skipped: not a JSON object",
	} {
		var kept taken
		r := runSend(t, &fakeServer{take: kept.take}, input+"\n"+good)
		assert.Equal(t, exitcode.Usage, r.code, input)
		assert.Contains(t, r.errOut, want)
		assert.Contains(t, r.errOut, "some of the input was skipped: ")
		assert.Len(t, kept.events, 2, input)

		strict := &taken{}
		r = runSend(t, &fakeServer{take: strict.take}, input+"\n"+good, "--strict")
		assert.Equal(t, exitcode.Usage, r.code, input)
		assert.Contains(t, r.errOut, strings.Replace(want, "skipped: ", "", 1))
		assert.Len(t, strict.events, 1, input)
	}
}

// Of an OTLP request only the records that are invalid are left out.
func TestSendSkipsSingleRecords(t *testing.T) {
	var kept taken
	r := runSend(t, &fakeServer{take: kept.take}, `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"a"},{"severityNumber":99},{"eventName":"b"}]}]}]}`, "-o", "json")
	assert.Equal(t, exitcode.Usage, r.code)
	assert.Len(t, kept.events, 2)
	var summary send.SendSummary
	require.NoError(t, json.Unmarshal([]byte(r.out), &summary))
	assert.Equal(t, map[string]uint64{"invalid": 1}, summary.Skipped)
}

// Many bad values, long and short, at random places: each good one is sent, and
// each bad one is named by its line.
func TestSendFindsItsWayAfterBadValues(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var input strings.Builder
		var want, bad []string
		for line := range 300 {
			switch name := fmt.Sprintf("e%d", line+1); r.IntN(4) {
			case 0:
				bad = append(bad, fmt.Sprintf("stdin:%d: skipped: is not JSON", line+1))
				fmt.Fprintf(&input, "{\"logRecord\": x%s}\n", strings.Repeat("y", r.IntN(9000)))
			default:
				want = append(want, name)
				fmt.Fprintf(&input, "%s{\"logRecord\":{\"eventName\":%q,\"body\":{\"stringValue\":%q}}}\n", strings.Repeat(" ", r.IntN(3)), name, strings.Repeat("z", r.IntN(3000)))
			}
		}
		var kept taken
		result := runSend(t, &fakeServer{take: kept.take}, input.String())
		var got []string
		for _, event := range kept.events {
			got = append(got, event.GetLogRecord().GetEventName())
		}
		require.Equal(t, want, got)
		for _, line := range render.FirstOf(send.MaxNamed, bad) {
			require.Contains(t, result.errOut, line)
		}
		require.Contains(t, result.errOut, fmt.Sprintf("not JSON %d", len(bad)))
	}
}

func TestSendReadsOtherCharsets(t *testing.T) {
	body := func(event *tapiov1.Event) string { return event.GetLogRecord().GetBody().GetStringValue() }
	for input, want := range map[string][]string{
		"\xef\xbb\xbfone\ntwo\n":                                      {"one", "two"},
		"\xff\xfeo\x00n\x00e\x00\n\x00\xe4\x00\n\x00":                 {"one", "\u00e4"},
		"\xfe\xff\x00o\x00n\x00e\x00\n\x00t\x00w\x00o\x00\n":          {"one", "two"},
		"a\x00b\x00c\x00d\x00\n\x00e\x00":                             {"abcd", "e"},
		"\x00a\x00b\x00c\x00d\x00\n\x00e":                             {"abcd", "e"},
		"latin1 \xe4\xf6\xfc\nnext\n":                                 {"latin1 \u00e4\u00f6\u00fc", "next"},
		"caf\u00e9 cut \xc3\nnext\n":                                  {"caf\u00e9 cut \ufffd", "next"},
		"\xef\xbb\xbf" + `{"logRecord":{"body":{"stringValue":"x"}}}`: {"x"},
	} {
		events := sent(t, input)
		require.Len(t, events, len(want), "%q", input)
		for i := range want {
			assert.Equal(t, want[i], body(events[i]), "%q", input)
		}
	}
	r := runSend(t, &fakeServer{take: (&taken{}).take}, "text \xff\n", "-o", "json")
	requireSuccess(t, r)
	assert.Contains(t, r.out, `"convertedLines":1`)
}

func TestSendSkipsLinesThatAreBinaryOrTooLong(t *testing.T) {
	var kept taken
	r := runSend(t, &fakeServer{take: kept.take}, "one\ntw\x00o\n"+strings.Repeat("x", 5<<20)+"\nthree")
	assert.Equal(t, exitcode.Usage, r.code)
	assert.Contains(t, r.errOut, "stdin:2: skipped: the line contains a zero byte")
	assert.Contains(t, r.errOut, "stdin:3: skipped: the event has 5")
	assert.Contains(t, r.errOut, "some of the input was skipped: binary 1, too long 1")
	require.Len(t, kept.events, 2)
	assert.Equal(t, "three", kept.events[1].GetLogRecord().GetBody().GetStringValue())
}

func TestSendReportsJSONThatIsCutShort(t *testing.T) {
	r := runSend(t, &fakeServer{}, `{"logRecord":{"severityText":"x"}`)
	assert.Equal(t, exitcode.Usage, r.code)
	assert.Contains(t, r.errOut, "stdin:1: skipped: is cut short")
}
