{{/*
Names are cut at 63 characters, which labels and most names allow at most, never end in a dash, and hold no dots, as a Service demands.
*/}}
{{- define "operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | replace "." "-" | trunc 63 | trimAll "-" -}}
{{- end -}}

{{- define "operator.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | replace "." "-" | trunc 63 | trimAll "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | replace "." "-" | trunc 63 | trimAll "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 63 | trimAll "-" -}}
{{- end -}}
{{- end -}}

{{/*
The name of what is cluster-wide: with the namespace, so that equal releases in two namespaces do not meet.
*/}}
{{- define "operator.clusterName" -}}
{{- $context := first . -}}
{{- $suffix := last . -}}
{{- $name := include "operator.fullname" $context -}}
{{- $full := join "-" (compact (list $name $context.Release.Namespace $suffix)) -}}
{{- if le (len $full) 63 -}}
{{- $full -}}
{{- else -}}
{{- $rest := join "-" (compact (list (printf "%s/%s" $context.Release.Namespace $name | sha256sum | trunc 8) $suffix)) -}}
{{- printf "%s-%s" ($name | trunc (int (sub 62 (len $rest))) | trimAll "-") $rest -}}
{{- end -}}
{{- end -}}

{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | replace "." "-" | trunc 63 | trimAll "-" }}
{{- end -}}

{{- define "operator.labels" -}}
{{- $own := include "operator.selectorLabels" . | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-.") -}}
{{- $_ := set $own "app.kubernetes.io/version" .Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .Release.Service -}}
{{- toYaml (merge $own .Values.commonLabels) -}}
{{- end -}}

{{/*
Labels and annotations of an object: (list . "annotations of its own, as a dict").
*/}}
{{- define "operator.metadata" -}}
{{- $context := first . -}}
{{- $own := last . -}}
labels:
  {{- include "operator.labels" $context | nindent 2 }}
{{- with merge (dict) $own $context.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/*
"true" if ClusterDCSProjects are served.
*/}}
{{- define "operator.clusterProjects" -}}
{{- if and (kindIs "string" .Values.scope) .Values.operator.clusterProjects -}}true{{- end -}}
{{- end -}}

{{- define "operator.leaseName" -}}
{{- default (include "operator.fullname" .) .Values.operator.leaseName -}}
{{- end -}}

{{- define "operator.leaseNamespace" -}}
{{- default .Release.Namespace .Values.operator.leaseNamespace -}}
{{- end -}}

{{/*
"true" unless leader election is switched off.
*/}}
{{- define "operator.leaderElect" -}}
{{- if not (eq (toString .Values.operator.leaderElect) "false") -}}true{{- end -}}
{{- end -}}

{{/*
The arguments. An option is called like its value: batchIdleS is --batch-idle-s. What is null is left to the operator.
*/}}
{{- define "operator.args" -}}
- run
- --listen=:{{ .Values.port }}
{{- if kindIs "slice" .Values.scope }}
{{- range .Values.scope }}
- --namespace={{ . }}
{{- end }}
{{- else }}
- --all-namespaces
{{- end }}
- {{ ternary "--cluster-projects" "--no-cluster-projects" (eq (include "operator.clusterProjects" .) "true") }}
- --lease-name={{ include "operator.leaseName" . }}
{{- range $key, $value := omit .Values.operator "clusterProjects" "leaseName" }}
{{- $option := kebabcase $key }}
{{- if kindIs "bool" $value }}
- --{{ ternary "" "no-" $value }}{{ $option }}
{{- else if kindIs "slice" $value }}
{{- range $value }}
- {{ printf "--%s=%s" $option . | quote }}
{{- end }}
{{- else if not (kindIs "invalid" $value) }}
- {{ printf "--%s=%v" $option $value | quote }}
{{- end }}
{{- end }}
{{- if include "operator.caBundle" . }}
- --ca-file={{ include "operator.caDirectory" . }}/{{ .Values.caBundle.key }}
{{- end }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
"true" if there is a private CA for DCS. It is mounted as a folder, so that a new one arrives without a restart.
*/}}
{{- define "operator.caBundle" -}}
{{- if or .Values.caBundle.configMap .Values.caBundle.secret -}}true{{- end -}}
{{- end -}}

{{- define "operator.caDirectory" -}}/etc/dcs-migration-operator/ca{{- end -}}
