{{/* The environment of a container. Takes the root, and the name of the chart's ConfigMap and Secret. */}}
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
  # If the Secret does not have this key, the pod does not start. Otherwise each pod would create its own catalog, and lose it.
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

{{/* The common part of all pods. */}}
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

{{/* The common part of all containers, without their environment. */}}
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
    # No data is stored here. A pod that does not get the catalog's URL cannot create SQLite here, so it does not start.
    readOnly: true
    {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The metadata of a job's pods. Takes the root and the component. */}}
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

{{/* The egress rules of the pods. */}}
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
