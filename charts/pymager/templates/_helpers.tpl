{{- define "pymager.name" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "pymager.selector" -}}
app.kubernetes.io/name: pymager
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "pymager.labels" -}}
{{ include "pymager.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "pymager.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "pymager.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "pymager.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{/* Whether something of pymager's is kept on a volume: "yes" or nothing. */}}
{{- define "pymager.embedded" -}}
{{- $blobs := .Values.settings.blobs | default "" -}}
{{- $metadata := .Values.settings.metadata | default .Values.secrets.metadata | default "" -}}
{{- $hidden := and .Values.existingSecret (not $metadata) -}}
{{- if or (not $blobs) (hasPrefix "file:" $blobs) -}}yes
{{- else if and (not $hidden) (or (not $metadata) (hasPrefix "sqlite:" $metadata)) -}}yes
{{- end -}}
{{- end -}}

{{/* What can't be right, refused with a sentence. */}}
{{- define "pymager.check" -}}
{{- $embedded := include "pymager.embedded" . -}}
{{- if and $embedded (or .Values.autoscaling.enabled (gt (int .Values.replicas) 1)) -}}
{{- fail "more than one replica needs a bucket and a shared database: set settings.blobs to an s3: URL and settings.metadata or secrets.metadata to a database's, or set replicas to 1 and autoscaling.enabled to false" -}}
{{- end -}}
{{- range $name := list "metadata" "blobs" -}}
{{- if regexMatch "://[^/@?:]*:[^@]*@|(?i)[?&][^=&]*(password|passwd|passphrase|pwd|secret|token)[^=&]*=" (get $.Values.settings $name | default "") -}}
{{- fail (printf "settings.%s has a password, which would stand in a ConfigMap: write the URL of the catalog to secrets.metadata, or to PYMAGER_METADATA of an existingSecret; the bucket's credentials never stand in its URL" $name) -}}
{{- end -}}
{{- end -}}
{{- $own := .Values.secrets -}}
{{- if and .Values.existingSecret (or $own.metadata $own.users $own.tokens $own.env) -}}
{{- fail "existingSecret takes the place of secrets: put all into the one or the other" -}}
{{- end -}}
{{- if and .Values.settings.metadata $own.metadata -}}
{{- fail "the catalog's URL stands in settings.metadata and in secrets.metadata: write it once" -}}
{{- end -}}
{{- range $name, $value := $own.env -}}
{{- if hasPrefix "PYMAGER_" $name -}}
{{- fail (printf "secrets.env.%s: the program's settings are given by settings and secrets" $name) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if hasPrefix "PYMAGER_" .name -}}
{{- fail (printf "extraEnv has %s: the program's settings are given by settings and secrets" .name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}

{{/* The variables that are no secret. */}}
{{- define "pymager.variables" -}}
{{- range $name, $value := .Values.settings }}
{{- if kindIs "slice" $value }}
PYMAGER_{{ upper $name }}: {{ join "," $value | quote }}
{{- else if kindIs "float64" $value }}
PYMAGER_{{ upper $name }}: {{ toJson $value | quote }}
{{- else }}
PYMAGER_{{ upper $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end }}
PYMAGER_DRAIN_DELAY: {{ .Values.drainDelay | toString | quote }}
{{- if .Values.metrics.enabled }}
PYMAGER_METRICS_PORT: {{ .Values.metrics.port | toString | quote }}
{{- end }}
{{- if and .Values.sweep.enabled (not (hasKey .Values.settings "sweep_interval")) }}
PYMAGER_SWEEP_INTERVAL: "0"
{{- end }}
{{- if not (hasKey .Values.settings "workers") }}
PYMAGER_WORKERS: "2"
{{- end }}
{{- if not (hasKey .Values.settings "log_format") }}
PYMAGER_LOG_FORMAT: json
{{- end }}
{{- end -}}

{{- define "pymager.secretVariables" -}}
{{- with .Values.secrets }}
{{- range $name := list "metadata" "users" "tokens" }}
{{- with index $.Values.secrets $name }}
PYMAGER_{{ upper $name }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- range $name, $value := .env }}
{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "pymager.hasSecret" -}}
{{- if or .Values.existingSecret (include "pymager.secretVariables" . | trim) -}}yes{{- end -}}
{{- end -}}

{{- define "pymager.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
