// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func logging() Rule {
	return Rule{
		ID: "logging", Title: "Logging", Applies: CPU,
		Threshold: 0.05, Source: "proposal",
		Explanation: "Log records are made, formatted and written.",
		Advice: "Raise the level, do not log in hot loops, sample repeated messages, and do not build arguments of records that " +
			"the level drops.",
		Frames: []Frames{
			{Language: Go, Functions: []string{
				"log/slog.*", "log.Print*", "log.(*Logger).*", "go.uber.org/zap.(*Logger).*",
				"go.uber.org/zap.(*SugaredLogger).*", "go.uber.org/zap/zapcore.*", "github.com/sirupsen/logrus.*",
				"github.com/rs/zerolog.*", "k8s.io/klog*",
			}},
			{Language: Java, Functions: []string{
				"ch.qos.logback.classic.Logger.*", "ch.qos.logback.core.*Appender*",
				"org.apache.logging.log4j.core.Logger.*", "org.apache.logging.log4j.core.appender.*",
				"org.apache.logging.log4j.spi.AbstractLogger.*", "java.util.logging.Logger.*",
			}},
			{Language: Python, Functions: []string{"logging.Logger.*"}, Files: []string{"logging/__init__.py", "logging/handlers.py"}},
			{Language: Node, Functions: []string{"console.log", "consoleCall", "formatWithOptions*"}},
		},
	}
}
