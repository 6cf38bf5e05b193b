{{/*
What a schema cannot say about values that do not fit together.
*/}}
{{- define "operator.check" -}}
{{- if hasKey .Values "enabled" -}}
{{- if not .Values.enabled -}}
{{- fail "enabled: false is for a chart that includes this one, under a condition that names it; to install nothing, do not install this release" -}}
{{- end -}}
{{- end -}}
{{- if and (ne (include "operator.leaderElect" .) "true") (gt (int .Values.replicaCount) 1) -}}
{{- fail "operator.leaderElect: false needs replicaCount: 1, since every pod would order stops" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) -}}
{{- fail "serviceMonitor.enabled needs service.enabled: it selects the Service" -}}
{{- end -}}
{{- if and .Values.caBundle.configMap .Values.caBundle.secret -}}
{{- fail "caBundle.configMap and caBundle.secret exclude each other" -}}
{{- end -}}
{{- if and (kindIs "slice" .Values.scope) (kindIs "slice" .Values.secrets.namespaces) -}}
{{- range .Values.secrets.namespaces -}}
{{- if not (has . $.Values.scope) -}}
{{- fail (printf "secrets.namespaces names %s, which scope does not" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
