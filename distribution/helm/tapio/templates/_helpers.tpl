{{/* Names */}}
{{- define "tapio.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "tapio.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "tapio.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tapio.agent" -}}{{ include "tapio.fullname" . }}-agent{{- end -}}
{{- define "tapio.gateway" -}}{{ include "tapio.fullname" . }}-gateway{{- end -}}

{{/* Labels of an object: takes a list of the root context and the component. */}}
{{- define "tapio.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "tapio.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "tapio.labels" -}}
{{- $root := index . 0 -}}
{{ include "tapio.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tapio.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "tapio.agent.serviceAccount" -}}
{{- if .Values.agent.serviceAccount.create -}}
{{- default (include "tapio.agent" .) .Values.agent.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.agent.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tapio.gateway.serviceAccount" -}}
{{- if .Values.gateway.serviceAccount.create -}}
{{- default (include "tapio.gateway" .) .Values.gateway.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.gateway.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The collector sends credentials only over TLS, so agents can send the token only with it. */}}
{{- define "tapio.otlpAuth" -}}
{{- if and .Values.auth.existingSecret .Values.tls.existingSecret }}yes{{ end -}}
{{- end -}}

{{/* The store of the agents is used only without a gateway. */}}
{{- define "tapio.agent.stores" -}}
{{- if not .Values.gateway.enabled }}yes{{ end -}}
{{- end -}}

{{/* Values that do not go together. */}}
{{- define "tapio.validate" -}}
{{- if not (or .Values.agent.enabled .Values.gateway.enabled) -}}
{{- fail "agent.enabled and gateway.enabled are both false: enable one of them" -}}
{{- end -}}
{{- $api := .Values.gateway.api -}}
{{- if and .Values.gateway.enabled $api.expose (not .Values.auth.existingSecret) (not $api.allowAnonymous) -}}
{{- fail "gateway.api.expose is true without authentication: set auth.existingSecret to a Secret with a token, or gateway.api.allowAnonymous to true if everyone in the cluster may read all telemetry" -}}
{{- end -}}
{{- end -}}

{{/* Fields of a container that both kinds of pods have. */}}
{{- define "tapio.probes" -}}
startupProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /, port: health}
livenessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 10
  failureThreshold: 6
{{- end -}}
