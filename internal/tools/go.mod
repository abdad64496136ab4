module github.com/tapio/tapio/internal/tools

go 1.26.0

require (
	github.com/jhump/protoreflect/v2 v2.0.0
	go.opentelemetry.io/proto/otlp v1.11.1
	google.golang.org/genproto/googleapis/api v0.0.0-20261104224025-d1e00e9f33ab
	google.golang.org/protobuf v1.36.12
)

require golang.org/x/sync v0.23.0 // indirect
