{{/* The collector configuration of the agent, with agent.config merged over it. */}}
{{- define "tapio.agent.config" -}}
{{- $config := include "tapio.agent.defaultConfig" . | fromYaml -}}
{{- if .Values.agent.ebpf.enabled -}}
{{- $config = mustMergeOverwrite $config (dict "receivers" (dict "ebpf" (deepCopy .Values.agent.ebpf.config))) -}}
{{- end -}}
{{- mustMergeOverwrite $config (deepCopy .Values.agent.config) | toYaml -}}
{{- end -}}

{{- define "tapio.agent.defaultConfig" -}}
{{- $agent := .Values.agent -}}
{{- $stores := eq (include "tapio.agent.stores" .) "yes" -}}
{{- $attributes := $agent.kubernetesAttributes.enabled -}}
{{- $profiles := and $agent.ebpf.enabled $agent.ebpf.profiles -}}
extensions:
  tapio:
    # In the pod only: kubectl tapio and kubectl port-forward reach it.
    grpc:
      endpoint: localhost:4417
      {{- if and $stores .Values.auth.existingSecret }}
      auth: {authenticator: bearertokenauth}
      {{- end }}
    http:
      endpoint: localhost:4418
      {{- if and $stores .Values.auth.existingSecret }}
      auth: {authenticator: bearertokenauth}
      {{- end }}
    {{- if $stores }}
    store:
      memory_limit: {{ $agent.store.memoryLimit }}
      max_age: {{ $agent.store.maxAge }}
    {{- end }}
  health_check:
    endpoint: ":13133"
  file_storage:
    directory: /var/lib/tapio
    create_directory: true
  {{- if or (and $stores .Values.auth.existingSecret) (and .Values.gateway.enabled (include "tapio.otlpAuth" .)) }}
  bearertokenauth:
    filename: /etc/tapio/auth/token
  {{- end }}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: ":4317"
        middlewares: [{id: tapio}]
      http:
        endpoint: ":4318"
        middlewares: [{id: tapio}]
        read_header_timeout: 10s
        read_timeout: 1m
        max_request_body_size: 8388608
  {{- if $stores }}
  tapio:
    extension: tapio
  {{- end }}
  {{- if $agent.ebpf.enabled }}
  ebpf:
    collection_interval: 15s
    logs:
      exclude:
        # Liveness probes run programs all day.
        - event_name == "tapio.process.exec"
        - event_name == "tapio.process.exit" and attributes["process.exit.code"] == 0
      max_per_second: 500
    traces:
      exclude:
        - IsMatch(attributes["user_agent.original"], "^kube-probe/")
      max_per_second: 2000
    metrics:
      max_per_second: 20000
  {{- end }}
  {{- if $agent.hostMetrics.enabled }}
  # Without network: a pod sees its own network interfaces, not those of the node.
  host_metrics:
    root_path: /hostfs
    collection_interval: {{ $agent.hostMetrics.collectionInterval }}
    scrapers:
      cpu:
        metrics: {system.cpu.utilization: {enabled: true}}
      memory:
        metrics: {system.memory.utilization: {enabled: true}}
      load: {}
      disk: {}
      paging: {}
      filesystem:
        exclude_fs_types:
          match_type: strict
          fs_types: [autofs, binfmt_misc, bpf, cgroup, cgroup2, configfs, debugfs, devpts, devtmpfs, fusectl, hugetlbfs,
            mqueue, nsfs, overlay, proc, pstore, rpc_pipefs, securityfs, squashfs, sysfs, tmpfs, tracefs]
        exclude_mount_points:
          match_type: regexp
          mount_points: ['/dev/.*', '/proc/.*', '/run/.*', '/sys/.*', '/var/lib/(docker|containerd|containers|kubelet|rancher)/.*']
        metrics: {system.filesystem.utilization: {enabled: true}}
  {{- end }}
  {{- if $agent.containerLogs.enabled }}
  file_log:
    include: [/var/log/pods/*/*/*.log]
    # Its own output would come back as input.
    exclude: ["/var/log/pods/{{ .Release.Namespace }}_{{ include "tapio.fullname" . }}-*_*/*/*.log"]
    storage: file_storage
    start_at: end
    include_file_path: true
    include_file_name: false
    operators:
      # Undoes the runtime's line format, joins split lines, and reads namespace, pod and container from the path.
      - type: container
    retry_on_failure:
      enabled: true
  {{- end }}
processors:
  memory_limiter:
    check_interval: 1s
    limit_percentage: 80
    spike_limit_percentage: 10
  resource_detection:
    detectors: [env, system]
    override: false
    timeout: 2s
    system:
      resource_attributes:
        # In a pod the host's name is that of the pod; the node's is in OTEL_RESOURCE_ATTRIBUTES.
        host.name: {enabled: false}
  {{- if $stores }}
  semantic_correlation: {}
  {{- end }}
  {{- if $attributes }}
  k8s_attributes:
    # Only this node's pods: watching all of them on every node overloads the API server.
    filter:
      node_from_env_var: K8S_NODE_NAME
    extract:
      metadata: [k8s.namespace.name, k8s.deployment.name, k8s.statefulset.name, k8s.daemonset.name, k8s.cronjob.name, k8s.job.name,
        k8s.pod.name, k8s.pod.uid, k8s.pod.start_time, k8s.node.name, container.image.name, container.image.tag]
      labels:
        - {tag_name: service.name, key: app.kubernetes.io/name, from: pod}
        - {tag_name: service.version, key: app.kubernetes.io/version, from: pod}
    pod_association:
      # Logs and the kernel give the uid; OTLP the sender's address.
      - sources: [{from: resource_attribute, name: k8s.pod.uid}]
      - sources: [{from: connection}]
  {{- end }}
exporters:
  {{- if $stores }}
  tapio:
    extension: tapio
  {{- else }}
  otlp_grpc/gateway:
    endpoint: {{ include "tapio.gateway" . }}.{{ .Release.Namespace }}.svc:4317
    {{- if .Values.tls.existingSecret }}
    tls:
      ca_file: /etc/tapio/tls/ca.crt
    {{- else }}
    tls:
      insecure: true
    {{- end }}
    {{- if include "tapio.otlpAuth" . }}
    auth: {authenticator: bearertokenauth}
    {{- end }}
    sending_queue:
      storage: file_storage
    retry_on_failure:
      max_elapsed_time: 0s
  {{- end }}
service:
  extensions: {{ include "tapio.agent.extensions" . }}
  {{- include "tapio.telemetry" . | nindent 2 }}
  {{- $tail := ternary "semantic_correlation" "" $stores }}
  {{- $pod := compact (list "memory_limiter" (ternary "k8s_attributes" "" $attributes) "resource_detection" $tail) | join ", " }}
  {{- $node := compact (list "memory_limiter" "resource_detection" $tail) | join ", " }}
  {{- $kernel := ternary "ebpf" "" $agent.ebpf.enabled }}
  {{- $own := ternary "tapio" "" $stores }}
  {{- $exporter := ternary "tapio" "otlp_grpc/gateway" $stores }}
  pipelines:
    logs:
      receivers: [{{ compact (list "otlp" (ternary "file_log" "" $agent.containerLogs.enabled) $kernel $own) | join ", " }}]
      processors: [{{ $pod }}]
      exporters: [{{ $exporter }}]
    metrics:
      receivers: [{{ compact (list "otlp" $kernel $own) | join ", " }}]
      processors: [{{ $pod }}]
      exporters: [{{ $exporter }}]
    {{- if $agent.hostMetrics.enabled }}
    # The node's own metrics belong to no pod.
    metrics/node:
      receivers: [host_metrics]
      processors: [{{ $node }}]
      exporters: [{{ $exporter }}]
    {{- end }}
    traces:
      receivers: [{{ compact (list "otlp" $kernel) | join ", " }}]
      processors: [{{ $pod }}]
      exporters: [{{ $exporter }}]
    profiles:
      receivers: [{{ compact (list "otlp" (ternary "ebpf" "" $profiles) $own) | join ", " }}]
      processors: [{{ $pod }}]
      exporters: [{{ $exporter }}]
{{- end -}}

{{- define "tapio.agent.extensions" -}}
{{- $auth := or (and (include "tapio.agent.stores" .) .Values.auth.existingSecret) (and .Values.gateway.enabled (include "tapio.otlpAuth" .)) -}}
[{{ compact (list (ternary "bearertokenauth" "" (not (empty $auth))) "tapio" "health_check" "file_storage") | join ", " }}]
{{- end -}}

{{/* The collector's own telemetry: logs to the standard error output, metrics for Prometheus. */}}
{{- define "tapio.telemetry" -}}
telemetry:
  resource:
    attributes:
      - {name: service.name, value: tapio}
  metrics:
    {{- if .Values.metrics.enabled }}
    readers:
      - pull: {exporter: {prometheus: {host: "", port: {{ .Values.metrics.port }}}}}
    {{- else }}
    level: none
    {{- end }}
{{- end -}}
