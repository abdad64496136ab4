// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package eventtime

import "github.com/tapio/tapio/internal/model"

// Profiles corrects profiles with their samples and returns how many times were
// implausible. A profile without a time is taken for one that has just ended.
func (c *Corrector) Profiles(profiles []model.Profile) (found int) {
	for i := range profiles {
		p := &profiles[i]
		before := p.Time
		if c.implausible(before) {
			p.Time = c.arrival - min(model.Nanos(max(p.Duration, 0)), c.arrival)
			if before != 0 {
				found++
			}
		}
		for j := range p.Samples {
			found += c.sampleTimes(p, p.Samples[j].Times, p.Time-before)
		}
	}
	return found
}

// sampleTimes moves implausible times by as much as the profile moved, or to its
// beginning.
func (c *Corrector) sampleTimes(p *model.Profile, times []model.Nanos, moved model.Nanos) (found int) {
	for i, at := range times {
		if !c.implausible(at) {
			continue
		}
		found++
		if times[i] = at + moved; c.implausible(times[i]) {
			times[i] = p.Time
		}
	}
	return found
}
