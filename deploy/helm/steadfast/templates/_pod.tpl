{{- /* The pod of a server. Takes (dict "root" $ "component" "api" or "node-…" "role" … "class" its values). */ -}}
{{- define "steadfast.pod" -}}
{{- $root := .root }}
{{- $class := .class }}
{{- $values := $root.Values }}
{{- $graceS := int (default 30 (dig "server" "grace_s" 30 $values.settings)) }}
metadata:
  labels:
    {{- include "steadfast.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
    {{- with $values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include "steadfast.config" $root | sha256sum }}
    {{- with $values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "steadfast.serviceAccountName" $root }}
  automountServiceAccountToken: false
  # Kubernetes would set STEADFAST_PORT and the like for the Service of this name, and they are no settings.
  enableServiceLinks: false
  # What still comes while proxies hear of it, then what runs, then the guardian, then some.
  terminationGracePeriodSeconds: {{ add (int $class.preStopSeconds) $graceS 15 }}
  securityContext: {{- include "steadfast.podSecurity" $root | nindent 4 }}
  {{- with $values.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with default (ternary (printf "%s-%s" (include "steadfast.fullname" $root) (ternary "api" "nodes" (eq .component "api"))) "" $values.priorityClasses.create) $class.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $class.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $class.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $class.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $class.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if $values.topologySpread.enabled }}
  topologySpreadConstraints:
    {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ . }}
      whenUnsatisfiable: {{ $values.topologySpread.whenUnsatisfiable }}
      labelSelector:
        matchLabels:
          {{- include "steadfast.selector" $root | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
    {{- end }}
  {{- end }}
  {{- if eq $values.models.from "warm" }}
  initContainers:
    - name: models
      image: {{ include "steadfast.image" (dict "root" $root "image" $class.image) }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args:
        - models
        - pull
        {{- if $values.models.names }}
        {{- range $values.models.names }}
        - {{ . | quote }}
        {{- end }}
        {{- else }}
        - --engine
        - {{ $values.models.engine | quote }}
        {{- end }}
      env:
        - { name: STEADFAST_MODELS__DIR, value: /models }
        {{- with $values.extraEnv }}{{ toYaml . | nindent 8 }}{{ end }}
      securityContext: {{- include "steadfast.containerSecurity" $root | nindent 8 }}
      resources:
        requests: { cpu: 100m, memory: 256Mi }
        limits: { cpu: "1", memory: 512Mi }
      volumeMounts:
        - { name: config, mountPath: /etc/steadfast, readOnly: true }
        - { name: data, mountPath: /data }
        - { name: tmp, mountPath: /tmp }
        - { name: models, mountPath: /models }
  {{- end }}
  containers:
    - name: steadfast
      image: {{ include "steadfast.image" (dict "root" $root "image" $class.image) }}
      imagePullPolicy: {{ $values.image.pullPolicy }}
      args: [serve]
      env:
        - { name: STEADFAST_CLUSTER__ROLE, value: {{ .role }} }
        - { name: STEADFAST_CLUSTER__NAME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
        {{- with $class.capabilities }}
        - { name: STEADFAST_CLUSTER__CAPABILITIES, value: {{ join "," . | quote }} }
        {{- end }}
        {{- if ne $values.models.from "image" }}
        - { name: STEADFAST_MODELS__DIR, value: /models }
        {{- end }}
        {{- include "steadfast.secretEnv" $root | nindent 8 }}
        {{- with $values.extraEnv }}{{ toYaml . | nindent 8 }}{{ end }}
        {{- with $class.env }}{{ toYaml . | nindent 8 }}{{ end }}
      ports:
        - { name: http, containerPort: 8080, protocol: TCP }
      # A start may take its time; from then on liveness asks only whether the process answers, never a model.
      startupProbe:
        httpGet: { path: /health/live, port: http }
        periodSeconds: 2
        failureThreshold: 60
      livenessProbe:
        httpGet: { path: /health/live, port: http }
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: { path: /health/ready, port: http }
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      lifecycle:
        # It goes on answering until no proxy sends it anything; SIGTERM then drains it.
        preStop: { sleep: { seconds: {{ int $class.preStopSeconds }} } }
      resources: {{- toYaml $class.resources | nindent 8 }}
      securityContext: {{- include "steadfast.containerSecurity" $root | nindent 8 }}
      volumeMounts:
        - { name: config, mountPath: /etc/steadfast, readOnly: true }
        - { name: secrets, mountPath: /run/secrets/steadfast, readOnly: true }
        - { name: data, mountPath: /data }
        - { name: tmp, mountPath: /tmp }
        {{- if ne $values.models.from "image" }}
        - { name: models, mountPath: /models }
        {{- end }}
        {{- if and $values.blobs.sharedVolume.enabled (not $values.blobs.url) }}
        - { name: blobs, mountPath: /blobs }
        {{- end }}
  volumes:
    - name: config
      configMap: { name: {{ include "steadfast.fullname" $root }} }
    {{- include "steadfast.secretVolume" $root | nindent 4 }}
    - name: tmp
      emptyDir: { sizeLimit: 1Gi }
    - name: data
      {{- if and (not (include "steadfast.isShared" $root)) $values.persistence.enabled }}
      persistentVolumeClaim: { claimName: {{ default (printf "%s-data" (include "steadfast.fullname" $root)) $values.persistence.existingClaim }} }
      {{- else }}
      emptyDir: { sizeLimit: {{ $class.scratch }} }
      {{- end }}
    {{- if eq $values.models.from "warm" }}
    - name: models
      emptyDir: { sizeLimit: {{ $values.models.size }} }
    {{- else if eq $values.models.from "claim" }}
    - name: models
      persistentVolumeClaim: { claimName: {{ $values.models.existingClaim }} }
    {{- end }}
    {{- if and $values.blobs.sharedVolume.enabled (not $values.blobs.url) }}
    - name: blobs
      persistentVolumeClaim: { claimName: {{ default (printf "%s-blobs" (include "steadfast.fullname" $root)) $values.blobs.sharedVolume.existingClaim }} }
    {{- end }}
{{- end }}

{{- /* config.toml: what the chart knows, over which goes what the user says. */ -}}
{{- define "steadfast.config" -}}
{{- $known := dict }}
{{- if .Values.blobs.url }}
{{- $blobs := dict "url" .Values.blobs.url }}
{{- if .Values.blobs.accessKeyId }}{{- $_ := set $blobs "access_key_id" .Values.blobs.accessKeyId }}{{- end }}
{{- $_ := set $known "blobs" $blobs }}
{{- else if .Values.blobs.sharedVolume.enabled }}
{{- $_ := set $known "blobs" (dict "url" "/blobs") }}
{{- end }}
{{- mergeOverwrite $known (deepCopy .Values.settings) | toToml }}
{{- end }}
