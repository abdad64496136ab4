{{/* The collector configuration of the gateway, with gateway.config merged over it. */}}
{{- define "tapio.gateway.config" -}}
{{- $config := include "tapio.gateway.defaultConfig" . | fromYaml -}}
{{- mustMergeOverwrite $config (deepCopy .Values.gateway.config) | toYaml -}}
{{- end -}}

{{- define "tapio.gateway.defaultConfig" -}}
{{- $gateway := .Values.gateway -}}
{{- $address := ternary "" "localhost" $gateway.api.expose -}}
extensions:
  tapio:
    grpc:
      endpoint: "{{ $address }}:4417"
      {{- include "tapio.gateway.access" . | nindent 6 }}
    http:
      endpoint: "{{ $address }}:4418"
      {{- include "tapio.gateway.access" . | nindent 6 }}
      {{- with $gateway.api.allowedOrigins }}
      cors:
        allowed_origins: {{ toJson . }}
      {{- end }}
    store:
      memory_limit: {{ $gateway.store.memoryLimit }}
      max_age: {{ $gateway.store.maxAge }}
      {{- if $gateway.persistence.enabled }}
      directory: /var/lib/tapio/store
      durability: {{ $gateway.store.durability }}
      {{- end }}
    {{- if or $gateway.api.expose $gateway.api.allowedHosts }}
    allowed_hosts: {{ include "tapio.gateway.hosts" . }}
    {{- end }}
  health_check:
    endpoint: ":13133"
  {{- if .Values.auth.existingSecret }}
  bearertokenauth:
    filename: /etc/tapio/auth/token
  {{- end }}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ":4317"
        middlewares: [{id: tapio}]
        {{- include "tapio.gateway.otlpAccess" . | nindent 8 }}
        keepalive:
          server_parameters:
            max_connection_idle: 10m
      http:
        endpoint: ":4318"
        middlewares: [{id: tapio}]
        {{- include "tapio.gateway.otlpAccess" . | nindent 8 }}
        read_header_timeout: 10s
        read_timeout: 1m
        max_request_body_size: 8388608
  tapio:
    extension: tapio
processors:
  memory_limiter:
    check_interval: 1s
    limit_percentage: 80
    spike_limit_percentage: 10
  semantic_correlation: {}
exporters:
  tapio:
    extension: tapio
service:
  extensions: [{{ if .Values.auth.existingSecret }}bearertokenauth, {{ end }}tapio, health_check]
  {{- include "tapio.telemetry" . | nindent 2 }}
  pipelines:
    logs:
      receivers: [otlp, tapio]
      processors: [memory_limiter, semantic_correlation]
      exporters: [tapio]
    metrics:
      receivers: [otlp, tapio]
      processors: [memory_limiter, semantic_correlation]
      exporters: [tapio]
    traces:
      receivers: [otlp]
      processors: [memory_limiter, semantic_correlation]
      exporters: [tapio]
    profiles:
      receivers: [otlp, tapio]
      processors: [memory_limiter, semantic_correlation]
      exporters: [tapio]
{{- end -}}

{{/* TLS and token of the API's servers. */}}
{{- define "tapio.gateway.access" -}}
{{- include "tapio.gateway.tls" . }}
{{- if .Values.auth.existingSecret }}
auth: {authenticator: bearertokenauth}
{{- end }}
{{- end -}}

{{/* TLS and token of the OTLP receiver. */}}
{{- define "tapio.gateway.otlpAccess" -}}
{{- include "tapio.gateway.tls" . }}
{{- if include "tapio.otlpAuth" . }}
auth: {authenticator: bearertokenauth}
{{- end }}
{{- end -}}

{{- define "tapio.gateway.tls" -}}
{{- if .Values.tls.existingSecret }}
tls:
  cert_file: /etc/tapio/tls/tls.crt
  key_file: /etc/tapio/tls/tls.key
  reload_interval: 1h
{{- end }}
{{- end -}}

{{- define "tapio.gateway.hosts" -}}
{{- $name := include "tapio.gateway" . -}}
{{- $space := .Release.Namespace -}}
{{- $own := list $name (printf "%s.%s" $name $space) (printf "%s.%s.svc" $name $space) (printf "%s.%s.svc.cluster.local" $name $space) -}}
{{- concat $own .Values.gateway.api.allowedHosts | uniq | toJson -}}
{{- end -}}
