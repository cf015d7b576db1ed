{{- /* By what KEDA scales. Every query is about the pods of one Deployment of this release, and about none where there are
none. The scaler of Kubernetes, which KEDA feeds, wants for each trigger
  AverageValue: the answer / the threshold, and nothing as long as that is within ten per cent of what is there;
  Value: as many as there are * the answer / the threshold;
and takes the largest of them. So what grows with the load is told as a sum, and nothing counts pods: one that is going or
one more during an upgrade would be taken for a wish. */ -}}

{{- /* The pods of a Deployment; takes (dict "root" $ "target" its name). */ -}}
{{- define "steadfast.podsOf" -}}
namespace="{{ .root.Release.Namespace }}",pod=~"{{ .target }}-[0-9a-z]+-[0-9a-z]+"
{{- end }}

{{- /* Every server of the release. */ -}}
{{- define "steadfast.podsOfAll" -}}
namespace="{{ .Release.Namespace }}",pod=~"{{ include "steadfast.fullname" . }}-.+"
{{- end }}

{{- /* How many cores a pod of this class may use. */ -}}
{{- define "steadfast.cores" -}}
{{- $cpu := toString (default .resources.requests.cpu (default dict .resources.limits).cpu) }}
{{- if hasSuffix "m" $cpu }}{{ divf (trimSuffix "m" $cpu | float64) 1000 }}{{ else }}{{ $cpu }}{{ end }}
{{- end }}

{{- /* A subquery over a window of seconds. */ -}}
{{- define "steadfast.window" -}}
[{{ int . }}s:{{ ternary 60 15 (gt (int .) 600) }}s]
{{- end }}

{{- /* 1 where there was an answer in nine of ten looks, so that a minute of load is not taken for an hour; else 0. */ -}}
{{- define "steadfast.knownFor" -}}
(count_over_time(({{ .query }}){{ include "steadfast.window" .seconds }}) >= bool {{ div (mul 9 (div (int .seconds) (ternary 60 15 (gt (int .seconds) 600)))) 10 }})
{{- end }}

{{- /* GPUs at work, one number for each pod: by NVIDIA's exporter, which names the pod in one of two ways, or by our own. */ -}}
{{- define "steadfast.gpuLoad" -}}
{{- $pods := include "steadfast.podsOf" . }}
{{- if eq .class.autoscaling.gpuMetric "dcgm" }}
{{- $exported := $pods | replace "namespace=" "exported_namespace=" | replace "pod=~" "exported_pod=~" -}}
avg by (pod) (DCGM_FI_DEV_GPU_UTIL{ {{- $pods -}} } / 100 or DCGM_FI_PROF_GR_ENGINE_ACTIVE{ {{- $pods -}} }) or avg by (exported_pod) (DCGM_FI_DEV_GPU_UTIL{ {{- $exported -}} } / 100 or DCGM_FI_PROF_GR_ENGINE_ACTIVE{ {{- $exported -}} })
{{- else -}}
avg by (pod) (steadfast_gpu_utilization_ratio{ {{- $pods -}} })
{{- end }}
{{- end }}

{{- /* Cores at work, as a part of what a pod may use; one number for each pod. */ -}}
{{- define "steadfast.cpuLoad" -}}
{{- $pods := include "steadfast.podsOf" . -}}
sum by (pod) (rate({__name__=~"steadfast_(server|worker)_cpu_seconds_total",{{ $pods }}}[2m])) / {{ include "steadfast.cores" .class }}
{{- end }}

{{- /* Busy GPUs: out when they were above the bound for all of the time. 1: one pod full to the bound. */ -}}
{{- define "steadfast.gpuQuery" -}}
{{- $out := .class.autoscaling.out }}
{{- $load := printf "sum(%s)" (include "steadfast.gpuLoad" .) -}}
min_over_time(({{ $load }}){{ include "steadfast.window" $out.gpuForSeconds }}) / {{ $out.gpuAbove }} * {{ include "steadfast.knownFor" (dict "query" $load "seconds" $out.gpuForSeconds) }}
{{- end }}

{{- /* Slow answers and busy processors: out when both were above their bounds for all of the time. */ -}}
{{- define "steadfast.latencyQuery" -}}
{{- $out := .class.autoscaling.out }}
{{- $window := include "steadfast.window" $out.latencyForSeconds }}
{{- $load := printf "sum(%s)" (include "steadfast.cpuLoad" .) }}
{{- $latency := printf "histogram_quantile(0.9, sum by (le) (rate(steadfast_request_duration_seconds_bucket{%s}[2m])))" (include "steadfast.podsOf" .) -}}
min_over_time(({{ $load }}){{ $window }}) / {{ $out.cpuAbove }} * (min_over_time(({{ $latency }}){{ $window }}) > bool {{ $out.latencyAboveSeconds }}) * {{ include "steadfast.knownFor" (dict "query" $load "seconds" $out.latencyForSeconds) }}
{{- end }}

{{- /* 1 keeps what is there; 0.5 lets one after the other go, when neither processors nor GPUs were above the bound. */ -}}
{{- define "steadfast.keepQuery" -}}
{{- $in := .class.autoscaling.in }}
{{- $window := include "steadfast.window" $in.forSeconds }}
{{- $cpu := printf "avg(%s)" (include "steadfast.cpuLoad" .) }}
{{- $gpu := printf "avg(%s)" (include "steadfast.gpuLoad" .) -}}
clamp_max(count(up{ {{- include "steadfast.podsOf" . -}} }), 1) - 0.5 * ((max_over_time(({{ $cpu }}){{ $window }}) < bool {{ $in.loadBelow }}) * {{ include "steadfast.knownFor" (dict "query" $cpu "seconds" $in.forSeconds) }} * (max_over_time(({{ $gpu }}){{ $window }}) < bool {{ $in.loadBelow }} or vector(1)) or vector(0))
{{- end }}

{{- /* Words for what jobs need, for a class that has this one: `cuda`, `cuda-40g`, `neural-cuda`, of any manifest. */ -}}
{{- define "steadfast.needs" -}}
(m[0-9]+:)?([a-z0-9]+-)?({{ join "|" . }})(-[0-9]+g)?
{{- end }}

{{- /* Which of the work that waits is a class's; takes (dict "class" … "classes" all that are wanted). A class without
capabilities does what no other is for; where there is no such class, whoever is there does. */ -}}
{{- define "steadfast.ownWork" -}}
{{- $others := list }}
{{- $isPlain := false }}
{{- range .classes }}
{{- if .capabilities }}{{ $others = concat $others .capabilities }}{{ else }}{{ $isPlain = true }}{{ end }}
{{- end }}
{{- $others = uniq $others }}
{{- if .class.capabilities -}}
,capability=~"{{ include "steadfast.needs" .class.capabilities }}{{ if not $isPlain }}|any|m[0-9]+:{{ end }}"
{{- else if $others -}}
,capability!~"{{ include "steadfast.needs" $others }}"
{{- end }}
{{- end }}

{{- /* The triggers of one Deployment, but for those that wait for work: they are the same for servers and nodes. */ -}}
{{- define "steadfast.loadTriggers" -}}
{{- $server := .root.Values.monitoring.prometheusUrl }}
# Ten per cent above 0.909 is the bound itself.
- type: prometheus
  name: gpu
  metadata:
    serverAddress: {{ $server }}
    query: {{ include "steadfast.gpuQuery" . | quote }}
    threshold: "0.909"
- type: prometheus
  name: latency
  metadata:
    serverAddress: {{ $server }}
    query: {{ include "steadfast.latencyQuery" . | quote }}
    threshold: "0.909"
# Nobody goes before the load was low for long; the last one neither (0.5 is not active).
- type: prometheus
  name: keep
  metricType: Value
  metadata:
    serverAddress: {{ $server }}
    query: {{ include "steadfast.keepQuery" . | quote }}
    threshold: "1"
    activationThreshold: "0.75"
{{- end }}
