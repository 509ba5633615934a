{{- define "dualspan.fullname" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "dualspan.labels" -}}
app.kubernetes.io/name: dualspan
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Of pods that an upgrade of the release is not to replace: nothing that changes with its version. */}}
{{- define "dualspan.lastingLabels" -}}
app.kubernetes.io/name: dualspan
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dualspan.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "dualspan.image" -}}
{{- $image := .root.Values.image -}}
{{ $image.registry }}{{ $image.repository }}/{{ .name }}:{{ $image.tag | default .root.Chart.AppVersion }}
{{- end -}}

{{/* Where gateways find a service: .service is onboarding or historian. */}}
{{- define "dualspan.gatewayHost" -}}
{{- $own := index .root.Values.gateways .service -}}
{{- $own.host | default (printf "%s-%s-gateways" (include "dualspan.fullname" .root) .service) -}}
{{- end -}}

{{/* One variable from the Secret. */}}
{{- define "dualspan.fromSecret" -}}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef: {name: {{ .name | default (include "dualspan.secretName" .root) }}, key: {{ .key }}}
{{- end -}}

{{/* The Secret of all that is secret: who installs has one, or the chart makes one. */}}
{{- define "dualspan.secretName" -}}
{{- $own := .Values.secret -}}
{{- if $own.name -}}
{{ $own.name }}
{{- else if $own.generate -}}
{{ include "dualspan.fullname" . }}-secrets
{{- else -}}
{{- required "secret.name: name an existing Secret, or let the chart make one with secret.generate=true." "" }}
{{- end -}}
{{- end -}}

{{- define "dualspan.postgresHost" -}}
{{- if .Values.bundled.enabled -}}
{{ include "dualspan.fullname" . }}-postgres
{{- else -}}
{{ .Values.postgres.host | required "postgres.host: name a PostgreSQL, or try with bundled.enabled=true." }}
{{- end -}}
{{- end -}}

{{- define "dualspan.redisUrl" -}}
{{- if .Values.bundled.enabled -}}
redis://{{ include "dualspan.fullname" . }}-redis:6379/0
{{- else -}}
{{ .Values.redis.url | required "redis.url: name a Redis, or try with bundled.enabled=true." }}
{{- end -}}
{{- end -}}

{{/* PostgreSQL, with a role that may create roles and schemas. */}}
{{- define "dualspan.adminEnvironment" -}}
{{- $postgres := .Values.postgres -}}
{{- if .Values.bundled.enabled -}}
{{ include "dualspan.fromSecret" (dict "root" . "variable" "ADMIN_PASSWORD" "key" .Values.secret.keys.bundledPassword) }}
- name: DUALSPAN_ADMIN_DATABASE_URL
  value: "postgresql://postgres:$(ADMIN_PASSWORD)@{{ include "dualspan.postgresHost" . }}:{{ $postgres.port }}/{{ $postgres.database }}"
{{- else if $postgres.adminSecret.name -}}
{{ include "dualspan.fromSecret" (dict "root" . "variable" "DUALSPAN_ADMIN_DATABASE_URL" "name" $postgres.adminSecret.name "key" $postgres.adminSecret.key) }}
{{- else if .Values.secret.generate -}}
{{- required "postgres.adminSecret.name: the chart cannot make up how your PostgreSQL is administered; name the Secret that says it." "" }}
{{- else -}}
{{ include "dualspan.fromSecret" (dict "root" . "variable" "DUALSPAN_ADMIN_DATABASE_URL" "key" .Values.secret.keys.adminDatabaseUrl) }}
{{- end -}}
{{- end -}}

{{/* Where people reach the console. */}}
{{- define "dualspan.consoleUrl" -}}
{{- $ingress := .Values.console.ingress -}}
{{- $own := printf "%s://%s" (ternary "https" "http" (ne (include "dualspan.consoleCertificate" .) "")) ($ingress.host | default "127.0.0.1:8080") -}}
{{- .Values.console.url | default $own -}}
{{- end -}}

{{/* The Secret with the certificate of the console, or of apps: whoever installs has one, or cert-manager makes one. */}}
{{- define "dualspan.consoleCertificate" -}}
{{- .Values.console.ingress.tlsSecretName | default (ternary (printf "%s-console-tls" (include "dualspan.fullname" .)) "" (ne .Values.certManager.issuer "")) -}}
{{- end -}}

{{- define "dualspan.appsCertificate" -}}
{{- .Values.apps.ingress.tlsSecretName | default (ternary (printf "%s-apps-tls" (include "dualspan.fullname" .)) "" (ne .Values.certManager.issuer "")) -}}
{{- end -}}

{{- define "dualspan.appsHost" -}}
*.{{ get (urlParse .Values.apps.url) "hostname" }}
{{- end -}}

{{/* What all services of the platform share. */}}
{{- define "dualspan.platformEnvironment" -}}
{{ include "dualspan.fromSecret" (dict "root" . "variable" "DUALSPAN_SERVICE_SECRET" "key" .Values.secret.keys.serviceSecret) }}
- {name: DUALSPAN_REDIS_URL, value: {{ include "dualspan.redisUrl" . | quote }}}
- {name: DUALSPAN_BROKER_URL, value: {{ .Values.broker.url | quote }}}
- {name: DUALSPAN_IDENTITY_ADDRESS, value: "{{ include "dualspan.fullname" . }}-identity:7401"}
- {name: DUALSPAN_ONBOARDING_ADDRESS, value: "{{ include "dualspan.fullname" . }}-onboarding:7402"}
- {name: DUALSPAN_HISTORIAN_ADDRESS, value: "{{ include "dualspan.fullname" . }}-historian:7403"}
- {name: DUALSPAN_ANALYTICS_ADDRESS, value: "{{ include "dualspan.fullname" . }}-analytics:7404"}
- {name: DUALSPAN_MARKETPLACE_ADDRESS, value: "{{ include "dualspan.fullname" . }}-marketplace:7405"}
- {name: DUALSPAN_CONSOLE_URL, value: {{ include "dualspan.consoleUrl" . | quote }}}
- {name: DUALSPAN_APPS_URL, value: {{ .Values.apps.url | quote }}}
- {name: DUALSPAN_LOG_FORMAT, value: {{ .Values.logFormat }}}
- {name: DUALSPAN_LOG_LEVEL, value: {{ .Values.logLevel }}}
{{- with .Values.observability.tracing }}
{{- if .endpoint }}
- {name: DUALSPAN_OTLP_ENDPOINT, value: {{ .endpoint | quote }}}
- {name: DUALSPAN_TRACE_RATIO, value: {{ .ratio | quote }}}
- {name: DUALSPAN_HISTORIAN_FRAME_TRACE_SECONDS, value: {{ .frameSeconds | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* The database of one service, under its own role. The password is expanded by Kubernetes. */}}
{{- define "dualspan.databaseEnvironment" -}}
{{- $postgres := .root.Values.postgres -}}
{{ include "dualspan.fromSecret" (dict "root" .root "variable" "DATABASE_PASSWORD" "key" .root.Values.secret.keys.databasePassword) }}
- name: DUALSPAN_{{ upper .service }}_DATABASE_URL
  value: "postgresql://dualspan_{{ .service }}:$(DATABASE_PASSWORD)@{{ include "dualspan.postgresHost" .root }}:{{ $postgres.port }}/{{ $postgres.database }}"
{{- end -}}

{{/* What the analytics service and its workers must agree on. */}}
{{- define "dualspan.analyticsEnvironment" -}}
{{- $smtp := .Values.notifications.smtp -}}
- {name: DUALSPAN_ANALYTICS_SMTP_HOST, value: {{ $smtp.host | quote }}}
- {name: DUALSPAN_ANALYTICS_SMTP_PORT, value: {{ $smtp.port | quote }}}
- {name: DUALSPAN_ANALYTICS_SMTP_SECURITY, value: {{ $smtp.security | quote }}}
- {name: DUALSPAN_ANALYTICS_SMTP_SENDER, value: {{ $smtp.sender | quote }}}
{{- if $smtp.user }}
- {name: DUALSPAN_ANALYTICS_SMTP_USER, value: {{ $smtp.user | quote }}}
{{ include "dualspan.fromSecret" (dict "root" . "variable" "DUALSPAN_ANALYTICS_SMTP_PASSWORD" "key" .Values.secret.keys.smtpPassword) }}
{{- end }}
- {name: DUALSPAN_ANALYTICS_PRIVATE_WEBHOOKS, value: {{ .Values.notifications.privateWebhooks | quote }}}
- {name: DUALSPAN_ANALYTICS_ALARM_DAYS, value: {{ .Values.notifications.keepDays | quote }}}
- {name: DUALSPAN_ANALYTICS_EXPORT_FOLDER, value: {{ ternary "/exports" "" (ne .Values.exports.volumeSize "") | quote }}}
- {name: DUALSPAN_ANALYTICS_EXPORT_ENDPOINTS, value: {{ .Values.exports.endpoints | quote }}}
{{- end -}}

{{/* What the marketplace and its workers must agree on. */}}
{{- define "dualspan.marketplaceEnvironment" -}}
{{- $fulfilment := .Values.marketplace.fulfilment -}}
- {name: DUALSPAN_MARKETPLACE_PROCESS_PUBLISHERS, value: {{ .Values.marketplace.processPublishers | quote }}}
{{- if $fulfilment.enabled }}
- {name: DUALSPAN_MARKETPLACE_FULFILMENT_URL, value: {{ $fulfilment.url | quote }}}
- {name: DUALSPAN_MARKETPLACE_PRIVATE_WEBHOOKS, value: {{ $fulfilment.privateWebhooks | quote }}}
{{ include "dualspan.fromSecret" (dict "root" . "variable" "DUALSPAN_MARKETPLACE_FULFILMENT_SECRET" "key" .Values.secret.keys.fulfilmentSecret) }}
{{- end }}
{{- end -}}

{{- define "dualspan.appsAccount" -}}
{{ include "dualspan.fullname" . }}-apps
{{- end -}}

{{/* What the marketplace's workers need beside that, where apps run on the cluster. */}}
{{- define "dualspan.appsEnvironment" -}}
{{- $own := .Values.marketplace.kubernetes -}}
{{- $name := include "dualspan.fullname" . -}}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_URL, value: "https://kubernetes.default.svc"}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_PREFIX, value: {{ $own.prefix | quote }}}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_NAMESPACE, value: {{ .Release.Namespace | quote }}}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_RELEASE, value: {{ .Release.Name | quote }}}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_ACCOUNT, value: {{ include "dualspan.appsAccount" . | quote }}}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_ROLE, value: "{{ $name }}-{{ .Release.Namespace }}-apps"}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_HISTORIAN, value: "{{ $name }}-historian:7403"}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_MARKETPLACE, value: "{{ $name }}-marketplace:7405"}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_TENANT_CPU, value: {{ $own.tenantQuota.cpu | quote }}}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_TENANT_MEMORY, value: {{ $own.tenantQuota.memory | quote }}}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_TENANT_PODS, value: {{ $own.tenantQuota.pods | quote }}}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_KUBELETS, value: {{ $own.usage.kubelets | quote }}}
- {name: DUALSPAN_MARKETPLACE_KUBERNETES_KUBELET_PORT, value: {{ $own.usage.port | quote }}}
- {name: DUALSPAN_MARKETPLACE_CHART_REGISTRIES, value: {{ $own.chartRegistries | quote }}}
- {name: DUALSPAN_MARKETPLACE_HELM, value: /tools/helm}
{{- end -}}

{{/* The account's token, for an hour at a time, and the helm command: volumes of the workers' pods. */}}
{{- define "dualspan.appsVolumes" -}}
- {name: tools, emptyDir: {}}
- name: cluster
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3600}
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
{{- end -}}

{{- define "dualspan.pod" -}}
automountServiceAccountToken: false
# Kubernetes would add variables such as DUALSPAN_HISTORIAN_PORT, in the namespace of our settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - {name: tmp, emptyDir: {}}
{{- end -}}

{{- define "dualspan.container" -}}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "dualspan.confined" . | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
{{- end -}}

{{- define "dualspan.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Whether the gRPC server on .port serves. Kubernetes can ask since 1.24; before, it sees that the port is open. */}}
{{- define "dualspan.serving" -}}
{{- if semverCompare ">=1.24-0" .root.Capabilities.KubeVersion.Version -}}
grpc: {port: {{ .port }}}
{{- else -}}
tcpSocket: {port: {{ .port }}}
{{- end }}
timeoutSeconds: 5
{{- end -}}

{{/* What the service .service is told; .port is where it listens. */}}
{{- define "dualspan.serviceEnvironment" -}}
{{- $root := .root -}}
{{- $gateways := $root.Values.gateways -}}
{{- $onboarding := include "dualspan.gatewayHost" (dict "root" $root "service" "onboarding") -}}
{{- $historian := include "dualspan.gatewayHost" (dict "root" $root "service" "historian") -}}
{{- $prefix := printf "DUALSPAN_%s" (upper .service) -}}
{{ include "dualspan.platformEnvironment" $root }}
- {name: {{ $prefix }}_LISTEN, value: "0.0.0.0:{{ .port }}"}
{{- if eq .service "console" }}
- {name: {{ $prefix }}_HTTPS, value: {{ hasPrefix "https://" (include "dualspan.consoleUrl" $root) | quote }}}
{{- end }}
{{- if not (has .service (list "console" "access")) }}
{{ include "dualspan.databaseEnvironment" (dict "root" $root "service" .service) }}
{{- if $root.Values.metricsPort }}
- {name: {{ $prefix }}_METRICS_LISTEN, value: "0.0.0.0:{{ $root.Values.metricsPort }}"}
{{- end }}
{{- end }}
{{- if eq .service "analytics" }}
{{ include "dualspan.analyticsEnvironment" $root }}
{{- end }}
{{- if eq .service "marketplace" }}
{{ include "dualspan.marketplaceEnvironment" $root }}
{{- end }}
{{- if eq .service "onboarding" }}
- {name: {{ $prefix }}_GATEWAY_LISTEN, value: "0.0.0.0:7412"}
- {name: {{ $prefix }}_GATEWAY_ADDRESS, value: "{{ $onboarding }}:{{ $gateways.onboarding.port }}"}
- {name: {{ $prefix }}_GATEWAY_HOSTS, value: {{ $onboarding | quote }}}
- {name: {{ $prefix }}_ENROL_LISTEN, value: "0.0.0.0:7422"}
- {name: {{ $prefix }}_ENROL_ADDRESS, value: "{{ $onboarding }}:{{ $gateways.onboarding.enrolmentPort }}"}
- {name: {{ $prefix }}_HISTORIAN_GATEWAY_ADDRESS, value: "{{ $historian }}:{{ $gateways.historian.port }}"}
{{- end }}
{{- if eq .service "historian" }}
- {name: {{ $prefix }}_GATEWAY_LISTEN, value: "0.0.0.0:7413"}
- {name: {{ $prefix }}_GATEWAY_ADDRESS, value: "{{ $historian }}:{{ $gateways.historian.port }}"}
- {name: {{ $prefix }}_GATEWAY_HOSTS, value: {{ $historian | quote }}}
{{- end }}
{{- end -}}

{{/* How Kubernetes sees that a service at .port serves, and how it ends one. */}}
{{- define "dualspan.serviceProbes" -}}
{{- $asked := include "dualspan.serving" . | nindent 2 -}}
{{- if .isWeb }}
{{- $asked = "\n  httpGet: {path: /healthz, port: http}\n  timeoutSeconds: 5" }}
{{- end -}}
startupProbe: {{- $asked }}
  periodSeconds: 2
  failureThreshold: 60
readinessProbe: {{- $asked }}
  periodSeconds: 5
# A minute without an answer is no load: another process is better.
livenessProbe: {{- $asked }}
  periodSeconds: 10
  failureThreshold: 6
# Until all nodes know that nobody is to be sent here any more, whoever still comes is served.
lifecycle:
  preStop:
    exec: {command: [sleep, "5"]}
{{- end -}}

{{/* What the workers of .queue are told. */}}
{{- define "dualspan.workerEnvironment" -}}
{{- $root := .root -}}
{{ include "dualspan.platformEnvironment" $root }}
{{- if $root.Values.metricsPort }}
- {name: DUALSPAN_WORKER_METRICS_LISTEN, value: "0.0.0.0:{{ $root.Values.metricsPort }}"}
{{- end }}
{{ include "dualspan.databaseEnvironment" (dict "root" $root "service" .queue) }}
{{- if eq .queue "analytics" }}
{{ include "dualspan.analyticsEnvironment" $root }}
{{- end }}
{{- if eq .queue "marketplace" }}
{{ include "dualspan.marketplaceEnvironment" $root }}
{{- end }}
{{- if .apps }}
{{ include "dualspan.appsEnvironment" $root }}
{{- end }}
{{- end -}}

{{/* What runs before marketplace workers that run apps on this cluster: it brings them the helm command. */}}
{{- define "dualspan.appsTools" -}}
serviceAccountName: {{ include "dualspan.appsAccount" .root }}
initContainers:
  - name: helm
    image: {{ .root.Values.marketplace.kubernetes.helm.image | quote }}
    {{- include "dualspan.container" .root | nindent 4 }}
      - {name: tools, mountPath: /tools}
    command: [cp, {{ .root.Values.marketplace.kubernetes.helm.path | quote }}, /tools/helm]
    resources: {{- toYaml .own.resources | nindent 6 }}
{{- end -}}
