// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// What a rule finds is reported with advice; a healthy profile has none.
func TestProfileAdvice(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	client := apiOf(t, c)
	for service, stacks := range map[string]string{
		"slow": "main;main.check;regexp.MustCompile;regexp.compile 50\nmain;main.save;encoding/json.Marshal;reflect.Value.Field 100\nmain;work 100\n",
		"fine": "main;work 250\n",
	} {
		_, err := client.UploadProfile(bounded(t), &tapiov1.UploadProfileRequest{
			Data: []byte(stacks), Format: tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED, Labels: map[string]string{"service": service},
		})
		require.NoError(t, err)
	}
	var got tapiov1.AnalyzeProfileResponse
	query(t, c, "/v1/profiles:analyze", `{"filter": {"services": ["slow"]}, "sampleType": "samples"}`, &got)
	require.Len(t, got.Bottlenecks, 2)
	first := got.Bottlenecks[0]
	require.Equal(t, "json-reflection", first.Rule)
	require.InDelta(t, 0.4, first.Share, 1e-9)
	require.Equal(t, "encoding/json.Marshal", first.Functions[0].Function)
	require.Equal(t, "main.save", first.Callers[0].Function)
	require.Empty(t, got.Warnings)
	text := string(tapioctl(t, c, "profile", "advice", "--service", "slow"))
	require.Regexp(t, `(?s)^40\.0% JSON.*called by: main\.save 40\.0%.*\n20\.0% Regular expressions.*do:  Compile once`, text)
	require.Contains(t, string(tapioctl(t, c, "profile", "top", "--service", "slow")), "\n\n"+text, "below the table")
	require.Contains(t, string(tapioctl(t, c, "profile", "advice", "--service", "slow", "-o", "json")), `"rule":"regexp-compile"`)
	require.Empty(t, tapioctl(t, c, "profile", "advice", "--service", "fine"))
}

// The JVM's threads for garbage collection count by their name, as the eBPF profiler sends it.
func TestProfileAdviceByThread(t *testing.T) {
	t.Parallel()
	c := Start(t, withProfiles)
	request, err := (&pprofile.ProtoMarshaler{}).MarshalProfiles(jvmProfiles())
	require.NoError(t, err)
	require.NoError(t, exportProfiles(t, c, request))
	var got tapiov1.AnalyzeProfileResponse
	query(t, c, "/v1/profiles:analyze", `{"filter": {"services": ["cart"]}, "sampleType": "samples"}`, &got)
	require.EqualValues(t, 100, got.TotalValue)
	require.Len(t, got.Bottlenecks, 1)
	require.Equal(t, "jvm-gc", got.Bottlenecks[0].Rule)
	require.InDelta(t, 0.4, got.Bottlenecks[0].Share, 1e-9)
	require.Equal(t, "libjvm.so [unsymbolized]", got.Bottlenecks[0].Functions[0].Function)
	require.Contains(t, got.Warnings[0], "40.0% of the samples have no function name")
	query(t, c, "/v1/profiles:analyze", `{"filter": {"services": ["cart"], "labelSelectors": [{"key": "thread.name", "values": ["worker"]}]}, "sampleType": "samples"}`, &got)
	require.Empty(t, got.Bottlenecks)
}

// jvmProfiles has 60 samples of a Java function and 40 of a native one in a thread for
// garbage collection.
func jvmProfiles() pprofile.Profiles {
	out := pprofile.NewProfiles()
	dictionary := out.Dictionary()
	dictionary.StringTable().FromRaw([]string{"", "samples", "count", "void shop.Cart.add()", "libjvm.so", "profile.frame.type", "thread.name"})
	dictionary.MappingTable().AppendEmpty()
	dictionary.MappingTable().AppendEmpty().SetFilenameStrindex(4)
	dictionary.LinkTable().AppendEmpty()
	dictionary.FunctionTable().AppendEmpty()
	dictionary.FunctionTable().AppendEmpty().SetNameStrindex(3)
	dictionary.AttributeTable().AppendEmpty()
	attribute := func(key int32, value string) {
		a := dictionary.AttributeTable().AppendEmpty()
		a.SetKeyStrindex(key)
		a.Value().SetStr(value)
	}
	attribute(5, "jvm")
	attribute(5, "native")
	attribute(6, "worker")
	attribute(6, "GC Thread#0")
	dictionary.LocationTable().AppendEmpty()
	java := dictionary.LocationTable().AppendEmpty()
	java.Lines().AppendEmpty().SetFunctionIndex(1)
	java.AttributeIndices().Append(1)
	native := dictionary.LocationTable().AppendEmpty()
	native.SetMappingIndex(1)
	native.SetAddress(4096)
	native.AttributeIndices().Append(2)
	dictionary.StackTable().AppendEmpty()
	dictionary.StackTable().AppendEmpty().LocationIndices().Append(1)
	dictionary.StackTable().AppendEmpty().LocationIndices().Append(2)
	of := out.ResourceProfiles().AppendEmpty()
	of.Resource().Attributes().PutStr("service.name", "cart")
	p := of.ScopeProfiles().AppendEmpty().Profiles().AppendEmpty()
	p.SampleType().SetTypeStrindex(1)
	p.SampleType().SetUnitStrindex(2)
	p.SetTime(pcommon.NewTimestampFromTime(time.Now()))
	for stack, value := range map[int32]int64{1: 60, 2: 40} {
		sample := p.Samples().AppendEmpty()
		sample.SetStackIndex(stack)
		sample.Values().Append(value)
		sample.AttributeIndices().Append(stack + 2)
	}
	return out
}
