// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"errors"

	"github.com/tapio/tapio/extension/tapioextension/internal/cost"
)

// CostConfig says what resources cost, for advice in money. Prices are 0 by default: the
// advice is in cores, GiB and bytes only.
type CostConfig struct {
	// Currency is printed with amounts.
	Currency string `mapstructure:"currency"`
	// CoreHour is the price of one CPU core for one hour. Accepted: 0 or more.
	CoreHour float64 `mapstructure:"core_hour"`
	// GiBHour is the price of one GiB of memory for one hour. Accepted: 0 or more.
	GiBHour float64 `mapstructure:"gib_hour"`
	// IngestedGiB is the price of one GiB of log records or metric points. Accepted: 0 or more.
	IngestedGiB float64 `mapstructure:"ingested_gib"`
}

// Validate checks the prices.
func (c *CostConfig) Validate() error {
	err := errors.Join(notNegative("core_hour", c.CoreHour), notNegative("gib_hour", c.GiBHour), notNegative("ingested_gib", c.IngestedGiB))
	if err == nil && c.Currency == "" && c.CoreHour+c.GiBHour+c.IngestedGiB > 0 {
		return errors.New("currency: must be set where there are prices: write for example EUR")
	}
	return err
}

func (c *CostConfig) prices() cost.Prices {
	return cost.Prices{Currency: c.Currency, CoreHour: c.CoreHour, GiBHour: c.GiBHour, IngestedGiB: c.IngestedGiB}
}
