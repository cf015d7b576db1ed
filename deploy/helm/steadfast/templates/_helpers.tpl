{{- define "steadfast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "steadfast.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "steadfast.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "steadfast.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "steadfast.selector" -}}
app.kubernetes.io/name: {{ include "steadfast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "steadfast.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "steadfast.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: steadfast
{{- end }}

{{- define "steadfast.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}{{ default (include "steadfast.fullname" .) .Values.serviceAccount.name }}{{ else }}{{ default "default" .Values.serviceAccount.name }}{{ end }}
{{- end }}

{{- /* Takes (dict "root" $ "image" what a class says of its own). */ -}}
{{- define "steadfast.image" -}}
{{- $ours := .root.Values.image }}
{{- $image := mergeOverwrite (dict) (deepCopy $ours) (dict "digest" "") }}
{{- $own := default (dict) .image }}
{{- $repository := default $ours.repository $own.repository }}
{{- $digest := default (ternary "" $ours.digest (not (empty $own.repository))) $own.digest }}
{{- if $digest }}{{ $repository }}@{{ $digest }}{{ else }}{{ $repository }}:{{ default (default .root.Chart.AppVersion $ours.tag) $own.tag }}{{ end }}
{{- end }}

{{- /* Whether there is more than one server, so that nothing may be kept in a pod. */ -}}
{{- define "steadfast.isShared" -}}
{{- if .Values.database.secret.name }}yes{{ end }}
{{- end }}

{{- /* Classes of nodes that are wanted, each with its defaults: a map in JSON. */ -}}
{{- define "steadfast.classes" -}}
{{- $wanted := dict }}
{{- range $name, $own := .Values.nodes.classes }}
{{- $class := mergeOverwrite (deepCopy $.Values.nodes.defaults) (deepCopy (default (dict) $own)) }}
{{- if $class.enabled }}{{- $_ := set $wanted $name $class }}{{- end }}
{{- end }}
{{- $wanted | toJson }}
{{- end }}

{{- /* Refuses what would lose work, in a sentence. */ -}}
{{- define "steadfast.check" -}}
{{- $classes := include "steadfast.classes" . | fromJson }}
{{- $several := or (gt (int .Values.api.replicas) 1) (ne .Values.api.autoscaling.type "none") (not (empty $classes)) }}
{{- if and $several (not .Values.database.secret.name) }}
{{- fail "Several servers need one PostgreSQL: set database.secret.name, or api.replicas=1 without nodes and autoscaling." }}
{{- end }}
{{- if and .Values.database.secret.name (not .Values.blobs.url) (not .Values.blobs.sharedVolume.enabled) }}
{{- fail "Several servers need one store of files: set blobs.url to s3://…, or blobs.sharedVolume.enabled." }}
{{- end }}
{{- if and (eq .Values.api.role "api") (empty $classes) }}
{{- fail "With api.role=api nobody does the work: enable a class of nodes, or leave api.role at all." }}
{{- end }}
{{- if and (eq .Values.models.from "claim") (not .Values.models.existingClaim) }}
{{- fail "models.from=claim needs models.existingClaim." }}
{{- end }}
{{- end }}

{{- /* Secrets as files: a list in JSON of {variable, name, key}. */ -}}
{{- define "steadfast.secretFiles" -}}
{{- $files := list }}
{{- range $variable, $secret := dict
    "STEADFAST_DATABASE__URL_FILE" .Values.database.secret
    "STEADFAST_CLUSTER__BROKER_URL_FILE" .Values.broker.secret
    "STEADFAST_CLUSTER__REDIS_URL_FILE" .Values.redis.secret
    "STEADFAST_BLOBS__SECRET_ACCESS_KEY_FILE" .Values.blobs.secret
    "STEADFAST_BOOTSTRAP_KEY_FILE" .Values.bootstrapKey.secret
    "STEADFAST_WEBHOOKS__SECRET_FILE" .Values.webhooks.secret }}
{{- if $secret.name }}{{- $files = append $files (dict "variable" $variable "name" $secret.name "key" $secret.key) }}{{- end }}
{{- end }}
{{- range .Values.extraSecretFiles }}{{- $files = append $files . }}{{- end }}
{{- $files | toJson }}
{{- end }}

{{- define "steadfast.secretEnv" -}}
{{- range include "steadfast.secretFiles" . | fromJsonArray }}
- { name: {{ .variable }}, value: {{ printf "/run/secrets/steadfast/%s" (.variable | lower) }} }
{{- end }}
{{- end }}

{{- define "steadfast.secretVolume" -}}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range include "steadfast.secretFiles" . | fromJsonArray }}
      - secret:
          name: {{ .name }}
          items: [{ key: {{ .key | quote }}, path: {{ .variable | lower }} }]
      {{- else }}
      []
      {{- end }}
{{- end }}

{{- define "steadfast.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "steadfast.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: { drop: [ALL] }
{{- end }}
