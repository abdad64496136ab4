// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

func serviceWords() []string {
	return []string{
		"catalog", "basket", "pricing", "ledger", "identity", "quota", "render", "search", "billing", "courier", "geo", "stock",
		"refund", "coupon", "tax", "invoice", "label", "fraud", "profile", "media", "feed", "rank", "chat", "presence", "audit", "session",
		"wallet", "loyalty", "export", "booking", "seat", "fare", "route", "station", "policy", "claim", "quote", "risk", "device", "sensor",
		"firmware", "playlist", "stream", "caption", "lesson", "exam", "grade", "tenant", "mailer", "review", "wishlist", "depot",
	}
}

func entryWords() []string {
	return []string{"web", "gateway", "bff", "portal", "edge", "storefront", "mobile-api", "partner-api"}
}

func consumerWords() []string {
	return []string{"indexer", "dispatcher", "settlement", "enricher", "archiver", "notifier", "fulfilment", "mail-worker"}
}

func nounWords() []string {
	return []string{
		"orders", "items", "accounts", "events", "prices", "users", "entries", "tokens", "documents", "jobs", "lines", "offers",
		"slots", "plans", "rules", "tickets", "assets", "rates", "messages", "visits",
	}
}

func verbWords() []string {
	return []string{"Get", "List", "Create", "Update", "Check", "Find", "Reserve", "Compute"}
}

func externalHosts() []string {
	return []string{
		"api.paylane.example", "rates.fxfeed.example", "geo.mapworks.example", "sms.sendwell.example", "login.idhub.example",
		"api.shipfast.example", "scoring.riskdata.example", "cdn.assetbox.example",
	}
}

func namespaceWords() []string {
	return []string{"shop", "prod", "core", "platform", "travel", "media", "production"}
}

func logTemplates() []string {
	return []string{
		"handled %s for account %d", "%s done, %d rows", "served %s in shard %d", "request %s accepted, key %d",
		"processed %s with %d entries", "%s completed after check %d",
	}
}

func idleTemplates() []string {
	return []string{
		"refreshed configuration, %d keys", "connection pool: %d idle", "purged %d expired sessions", "reloaded routing table, %d routes",
		"health probe ok, uptime %d s", "compaction finished, %d segments",
	}
}

func warnTemplates() []string {
	return []string{
		"slow consumer skipped, lag %d", "deprecated field in request %d", "retrying optional lookup %d", "cache entry %d expired early",
		"client closed connection %d before the response",
	}
}
