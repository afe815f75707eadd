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

{{/* "yes" if a URL names a store that only one pod can use, otherwise empty. The scheme can be in upper case, and can name a driver. */}}
{{- define "pymager.isLocal" -}}
{{- if regexMatch "(?i)^(file|sqlite|memory)[+:]" . -}}yes{{- end -}}
{{- end -}}

{{/* "yes" if at least one store is on a volume, otherwise empty. */}}
{{- define "pymager.embedded" -}}
{{- $blobs := .Values.settings.blobs | default "" -}}
{{- $metadata := .Values.settings.metadata | default .Values.secrets.metadata | default "" -}}
{{- $hidden := and .Values.existingSecret (not $metadata) -}}
{{- if or (not $blobs) (include "pymager.isLocal" $blobs) -}}yes
{{- else if and (not $hidden) (or (not $metadata) (include "pymager.isLocal" $metadata)) -}}yes
{{- end -}}
{{- end -}}

{{/* Reject values that cannot work, with a message. */}}
{{- define "pymager.check" -}}
{{- $embedded := include "pymager.embedded" . -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" (include "pymager.name" .)) -}}
{{- fail (printf "'%s' is not a valid name of a Service: use a release name, or a fullnameOverride, that starts with a letter, ends with a letter or digit, and contains only a-z, 0-9 and -" (include "pymager.name" .)) -}}
{{- end -}}
{{- if and $embedded (or .Values.autoscaling.enabled (gt (int .Values.replicas) 1)) -}}
{{- fail "more than one replica needs a bucket and a shared database: set settings.blobs to an s3: URL and settings.metadata or secrets.metadata to a database's, or set replicas to 1 and autoscaling.enabled to false" -}}
{{- end -}}
{{- range $name := list "metadata" "blobs" "shared_cache" -}}
{{- if regexMatch "://[^/@?:]*:[^@]*@|(?i)[?&][^=&]*(password|passwd|passphrase|pwd|secret|token)[^=&]*=" (get $.Values.settings $name | default "") -}}
{{- fail (printf "settings.%s contains a password, which would end up in a ConfigMap: put the URL of the catalog into secrets.metadata and that of the cache into secrets.sharedCache, or into PYMAGER_METADATA and PYMAGER_SHARED_CACHE of an existingSecret; the URL of a bucket never contains credentials" $name) -}}
{{- end -}}
{{- end -}}
{{- $own := .Values.secrets -}}
{{- if and .Values.existingSecret (or $own.metadata $own.sharedCache $own.users $own.tokens $own.signingKeys $own.purgers $own.env) -}}
{{- fail "existingSecret and secrets cannot be combined: put all secrets into one of them" -}}
{{- end -}}
{{- if and .Values.settings.metadata $own.metadata -}}
{{- fail "settings.metadata and secrets.metadata are both set: set only one of them" -}}
{{- end -}}
{{- if and .Values.settings.shared_cache $own.sharedCache -}}
{{- fail "settings.shared_cache and secrets.sharedCache are both set: set only one of them" -}}
{{- end -}}
{{- range $name, $value := $own.env -}}
{{- if hasPrefix "PYMAGER_" $name -}}
{{- fail (printf "secrets.env.%s is a setting of pymager: set it in settings or secrets" $name) -}}
{{- end -}}
{{- end -}}
{{- range .Values.extraEnv -}}
{{- if hasPrefix "PYMAGER_" .name -}}
{{- fail (printf "extraEnv contains %s, a setting of pymager: set it in settings or secrets" .name) -}}
{{- end -}}
{{- if and .value (regexMatch "(?i)(secret|secret_access_key|password|passwd|token|headers)$" .name) -}}
{{- fail (printf "extraEnv contains the secret %s, which everyone who can read the pods could see: put it into secrets.env, or use valueFrom" .name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.metrics.enabled (eq (int .Values.metrics.port) (int (.Values.settings.port | default 8000))) -}}
{{- fail "metrics.port must differ from settings.port, the port that pictures are served on" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas must not be greater than autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}

{{/* The environment variables that are not secret. */}}
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

{{/* In base64, for `data`. With `stringData`, an upgrade would not remove old entries, and these would override values that are set elsewhere. */}}
{{- define "pymager.secretVariables" -}}
{{- with .Values.secrets }}
{{- range $name := list "metadata" "sharedCache" "users" "tokens" "signingKeys" "purgers" }}
{{- with index $.Values.secrets $name }}
PYMAGER_{{ snakecase $name | upper }}: {{ . | b64enc | quote }}
{{- end }}
{{- end }}
{{- range $name, $value := .env }}
{{ $name }}: {{ $value | toString | b64enc | quote }}
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
