// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/tapio/tapio/internal/model"
)

// UnmarshalProfiles reads what MarshalProfiles wrote.
func UnmarshalProfiles(data []byte) ([]model.Profile, model.ProfileRejections, error) {
	decoded, err := (&pprofile.ProtoUnmarshaler{}).UnmarshalProfiles(data)
	if err != nil {
		return nil, nil, err
	}
	list, rejected := Profiles(decoded)
	return list, rejected, nil
}
