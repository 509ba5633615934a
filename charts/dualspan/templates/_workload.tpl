{{/*
One Deployment of the platform. Everything that serves or works is made of this one, so that what holds for one pod holds
for all of them.

  root       The chart's top.
  component  Its name, by which it is selected.
  container  The name of its container.
  image      The last part of its image's name.
  own        Its values: replicas, resources and, where it may scale by itself, autoscaling.
  replicas   How many there are.
  scales     Whether own.autoscaling is looked at: not by those that send periodic tasks, of which there is one.
  env        What follows is YAML: the container's variables,
  ports        its ports,
  probes       its probes, and what comes before its end,
  mounts       its mounts beside /tmp,
  run          its command and arguments,
  volumes      the pod's volumes beside /tmp,
  before       what the pod has beside: an account, containers that run first,
  strategy     how it is replaced.
*/}}
{{- define "dualspan.workload" -}}
{{- $root := .root -}}
{{- $scales := and .scales (dig "autoscaling" "enabled" false .own) -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "dualspan.fullname" $root }}-{{ .component }}
  labels:
    {{- include "dualspan.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  {{- if not $scales }}
  replicas: {{ .replicas }}
  {{- end }}
  {{- with .strategy }}
  {{- . | nindent 2 }}
  {{- end }}
  selector:
    matchLabels: {{- include "dualspan.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "dualspan.labels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .component }}
      {{- with .annotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- include "dualspan.pod" $root | nindent 6 }}
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
      {{- if $root.Values.topologySpread.enabled }}
      topologySpreadConstraints:
        {{- range $root.Values.topologySpread.keys }}
        - topologyKey: {{ . }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {{- include "dualspan.selector" $ | nindent 14 }}
        {{- end }}
      {{- end }}
      {{- with .before }}
      {{- . | nindent 6 }}
      {{- end }}
      containers:
        - name: {{ .container }}
          image: {{ include "dualspan.image" (dict "root" $root "name" .image) }}
          {{- include "dualspan.container" $root | nindent 10 }}
            {{- with .mounts }}
            {{- . | nindent 12 }}
            {{- end }}
          {{- with .run }}
          {{- . | nindent 10 }}
          {{- end }}
          env:
            {{- .env | nindent 12 }}
          {{- with .ports }}
          ports:
            {{- . | nindent 12 }}
          {{- end }}
          {{- with .probes }}
          {{- . | nindent 10 }}
          {{- end }}
          resources: {{- toYaml .own.resources | nindent 12 }}
{{- if $scales }}
{{- $scaling := .own.autoscaling }}
---
apiVersion: {{ ternary "autoscaling/v2" "autoscaling/v2beta2" (semverCompare ">=1.23-0" $root.Capabilities.KubeVersion.Version) }}
kind: HorizontalPodAutoscaler
metadata:
  name: {{ include "dualspan.fullname" $root }}-{{ .component }}
  labels:
    {{- include "dualspan.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ include "dualspan.fullname" $root }}-{{ .component }}}
  minReplicas: {{ $scaling.minReplicas }}
  maxReplicas: {{ max $scaling.minReplicas $scaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ $scaling.cpuPercent }}}
{{- end }}
{{- $least := ternary (dig "autoscaling" "minReplicas" 1 .own) .replicas $scales }}
{{- if and $root.Values.disruptionBudgets.enabled (gt (int $least) 1) }}
---
apiVersion: {{ ternary "policy/v1" "policy/v1beta1" (semverCompare ">=1.21-0" $root.Capabilities.KubeVersion.Version) }}
kind: PodDisruptionBudget
metadata:
  name: {{ include "dualspan.fullname" $root }}-{{ .component }}
  labels:
    {{- include "dualspan.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .component }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "dualspan.selector" . | nindent 6 }}
{{- end }}
{{- end -}}
