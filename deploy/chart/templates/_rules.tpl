{{/*
The rights wherever the operator watches. docs/security.md says for each what it is for and which test fails without it.
*/}}
{{- define "operator.watchRules" -}}
- apiGroups: [dcs.huaweicloud.com]
  resources: [migrationtasks, migrationwaves, dcsprojects]
  verbs: [list, watch]
- apiGroups: [dcs.huaweicloud.com]
  resources: [migrationtasks/status, migrationwaves/status, dcsprojects/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, patch]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list]
{{- if kindIs "string" .Values.secrets.namespaces }}
{{ include "operator.secretRules" . }}
{{- end }}
{{- end -}}

{{- define "operator.secretRules" -}}
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
{{- end -}}

{{/*
The rights that only make sense in the whole cluster; the labels of namespaces decide who may use a ClusterDCSProject.
*/}}
{{- define "operator.clusterProjectRules" -}}
- apiGroups: [dcs.huaweicloud.com]
  resources: [clusterdcsprojects]
  verbs: [list, watch]
- apiGroups: [dcs.huaweicloud.com]
  resources: [clusterdcsprojects/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [namespaces]
  verbs: [get]
{{- end -}}

{{/*
The Lease; a create and a list cannot be limited to a name.
*/}}
{{- define "operator.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create, list]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "operator.leaseName" . | quote }}]
  verbs: [get, update]
{{- end -}}

{{/*
A Role with its binding: (dict "context" . "namespace" "…" "name" "…" "rules" "…").
*/}}
{{- define "operator.role" -}}
{{- $context := .context -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  {{- include "operator.metadata" (list $context (dict)) | nindent 2 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  {{- include "operator.metadata" (list $context (dict)) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ include "operator.serviceAccountName" $context }}
    namespace: {{ $context.Release.Namespace }}
{{- end -}}
