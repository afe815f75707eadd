{{/* The variables of a container; takes the root and the name of the ConfigMap and Secret of the chart. */}}
{{- define "pymager.from" -}}
{{- $root := .root -}}
envFrom:
  - configMapRef:
      name: {{ .name }}
  {{- if include "pymager.hasSecret" $root }}
  - secretRef:
      name: {{ $root.Values.existingSecret | default .name }}
  {{- end }}
{{- $hidden := and $root.Values.existingSecret (not $root.Values.settings.metadata) (not (include "pymager.embedded" $root)) }}
{{- if or $hidden $root.Values.extraEnv }}
env:
  {{- if $hidden }}
  # A Secret without it keeps the pod from starting: each pod would make a catalog of its own, and lose it.
  - name: PYMAGER_METADATA
    valueFrom:
      secretKeyRef:
        name: {{ $root.Values.existingSecret }}
        key: PYMAGER_METADATA
  {{- end }}
  {{- with $root.Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "pymager.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What every pod of the chart has. */}}
{{- define "pymager.podBase" -}}
enableServiceLinks: false
automountServiceAccountToken: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: {{ .Values.spoolSize }}
  {{- if and .Values.persistence.enabled (include "pymager.embedded" .) }}
  - name: data
    persistentVolumeClaim:
      claimName: {{ .Values.persistence.existingClaim | default (include "pymager.name" .) }}
  {{- else }}
  - name: data
    emptyDir: {}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* What every container of the chart has, but for its variables. */}}
{{- define "pymager.containerBase" -}}
image: {{ include "pymager.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "pymager.security" . | nindent 2 }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: data
    mountPath: {{ .Values.settings.data | default "/var/lib/pymager" }}
    {{- if not (include "pymager.embedded" .) }}
    # Nothing is kept here. Where the catalog's URL got lost, a pod does not start: SQLite would be made in each.
    readOnly: true
    {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Of the pods of a job; takes the root and what they are. */}}
{{- define "pymager.podMeta" -}}
labels:
  {{- include "pymager.labels" .root | nindent 2 }}
  app.kubernetes.io/component: {{ .component }}
  {{- with .root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where the pods may go. */}}
{{- define "pymager.egress" -}}
{{- with .Values.networkPolicy.to -}}
- to:
    {{- toYaml . | nindent 4 }}
- ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- else -}}
- {}
{{- end }}
{{- end -}}
