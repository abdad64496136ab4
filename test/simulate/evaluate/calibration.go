// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package evaluate

import (
	"fmt"
	"io"
	"math"
)

// Calibration compares the confidence of pages with how often they were right: that
// the entity named first is the cause. A false page is wrong however sure it was.
type Calibration struct {
	// Bins are by tenths of confidence.
	Bins [10]struct {
		Pages, Right int
		Confidence   float64 // sum
	}
	Pages int
	brier float64 // sum
}

func (c *Calibration) add(confidence float64, right bool) {
	b := &c.Bins[min(9, max(0, int(confidence*10)))]
	truth := 0.0
	if right {
		b.Right++
		truth = 1
	}
	b.Pages++
	b.Confidence += confidence
	c.Pages++
	c.brier += (confidence - truth) * (confidence - truth)
}

// Brier is the mean squared error of the confidence.
func (c *Calibration) Brier() float64 { return c.brier / math.Max(float64(c.Pages), 1) }

// Error is the expected calibration error: by how much the confidence of a bin
// differs from the share that was right, on average over pages.
func (c *Calibration) Error() (sum float64) {
	for _, b := range c.Bins {
		sum += math.Abs(b.Confidence - float64(b.Right))
	}
	return sum / math.Max(float64(c.Pages), 1)
}

// Calibration of all pages.
func (r *Report) Calibration() *Calibration {
	c := &Calibration{}
	for _, s := range r.Systems {
		for _, of := range s.Cases {
			if of.Group != nil {
				c.add(of.Group.Confidence, of.Place == 1)
			}
		}
		for _, f := range s.False {
			c.add(f.Confidence, false)
		}
	}
	return c
}

func (c *Calibration) print(out io.Writer) {
	if c.Pages == 0 {
		return
	}
	fmt.Fprintf(out, "\n%-12s %6s %6s %6s\n", "confidence", "pages", "mean", "right")
	for i, b := range c.Bins {
		if b.Pages > 0 {
			fmt.Fprintf(out, "%3d to %3d%%  %6d %5.0f%% %5.0f%%\n", 10*i, 10*i+10, b.Pages, 100*b.Confidence/float64(b.Pages), 100*float64(b.Right)/float64(b.Pages))
		}
	}
	fmt.Fprintf(out, "Brier score %.2f, expected calibration error %.2f\n", c.Brier(), c.Error())
}
