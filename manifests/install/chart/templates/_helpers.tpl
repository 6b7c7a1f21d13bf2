{{- define "serin.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "serin.labels" -}}
app.kubernetes.io/name: serin
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: serin
{{- end }}

{{- /* Of what is there during `helm uninstall` alone. */ -}}
{{- define "serin.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- define "serin.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "serin.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Replicas on different nodes and zones where there are any. */ -}}
{{- define "serin.spread" -}}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: serin
            app.kubernetes.io/component: {{ .component }}
topologySpreadConstraints:
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      app.kubernetes.io/name: serin
      app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* What the operator does to a Rollout and to what the Rollout names; the same cluster-wide and in one namespace. */ -}}
{{- define "serin.operatorRules" -}}
- apiGroups: [serin.dev]
  resources: [rollouts]
  # list, watch: what is wanted. patch: the finalizer, and spec of the template form at `undo`.
  verbs: [list, watch, patch]
- apiGroups: [serin.dev]
  resources: [rollouts/status]
  # patch: where the release stands; the only place the operator keeps anything.
  verbs: [patch]
- apiGroups: [serin.dev]
  resources: [rollouts/finalizers]
  # update: asked for where Deployments get a Rollout as owner and OwnerReferencesPermissionEnforcement is on (OpenShift).
  verbs: [update]
- apiGroups: [serin.dev]
  resources: [rolloutactions]
  # list, watch: the verbs of people. delete: all but the last 20 of a Rollout.
  verbs: [list, watch, delete]
- apiGroups: [serin.dev]
  resources: [rolloutactions/status]
  # patch: the answer.
  verbs: [patch]
- apiGroups: [serin.dev]
  resources: [metricsets]
  # list, watch: metrics that Rollouts share.
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments]
  # list, watch: readiness and templates. create: versions of the template form, canaries of the workload form. patch: replicas,
  # and spec.paused of what workloadRef names.
  # delete: versions of the template form, and the old version where `decommission` says so.
  verbs: [list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [replicasets]
  # list: those of a Deployment that a Rollout's workloadRef names, by its selector: which template its pods run.
  verbs: [list]
- apiGroups: [networking.istio.io]
  resources: [virtualservices]
  # list, watch: the weights as they are. patch: as they should be.
  verbs: [list, watch, patch]
- apiGroups: [networking.istio.io]
  resources: [destinationrules]
  # list, watch: host and subsets. patch: subsets of the template form.
  verbs: [list, watch, patch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes]
  # list, watch: the weights as they are, and what the route's parents say. patch: as they should be.
  verbs: [list, watch, patch]
- apiGroups: [""]
  resources: [services]
  # list, watch: whether the versions' Services are there, and the ports of the user's. create, patch, delete: one Service
  # for each version of the template form, where a Gateway API route names Services; no other is ever changed.
  verbs: [list, watch, create, patch, delete]
{{- if .Values.configTracking.configMaps }}
- apiGroups: [""]
  resources: [configmaps]
  # list, watch: whether one that a pod template refers to has changed. get: its content, for the version that keeps a copy.
  # create, delete: these copies, which belong to the Rollout; no other is ever changed.
  verbs: [get, list, watch, create, delete]
{{- end }}
- apiGroups: [""]
  resources: [events]
  # create: each decision. Events are never read or changed.
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  # list, watch: which configuration each proxy serves (label serin.dev/component=proxy).
  verbs: [list, watch]
{{- end }}

{{- /* In the operator's own namespace. */ -}}
{{- define "serin.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  # create: a name cannot be given to create. Only the operator's own Lease is ever made.
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [serin-operator]
  # get, update: who leads.
  verbs: [get, update]
{{- end }}

{{- define "serin.proxyRules" -}}
{{- $classes := ternary "gatewayclasses, " "" (eq .Values.scope "cluster") -}}
- apiGroups: [""]
  {{- if $classes }}
  resources: [services, pods, namespaces]
  # list, watch: hosts and ports; labels for subsets; labels for allowedRoutes.
  {{- else }}
  resources: [services, pods]
  # list, watch: hosts and ports; labels for subsets.
  {{- end }}
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  # list, watch: where the pods are.
  verbs: [list, watch]
- apiGroups: [networking.istio.io]
  resources: [virtualservices, destinationrules, gateways, serviceentries, workloadentries]
  # list, watch: what is routed where.
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [{{ $classes }}gateways, httproutes, referencegrants]
  # list, watch: the same in the Gateway API's words.
  verbs: [list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [{{ $classes }}gateways, httproutes]
  # get: the status as it is, before ours goes beside that of other controllers.
  verbs: [get]
- apiGroups: [gateway.networking.k8s.io]
  resources: [{{ if $classes }}gatewayclasses/status, {{ end }}gateways/status, httproutes/status]
  # patch: Accepted, Programmed and the like, written by one proxy of each controllerName.
  verbs: [patch]
{{- end }}

{{- /* ValidatingAdmissionPolicies are there from Kubernetes 1.30 on. */ -}}
{{- define "serin.hasPolicy" -}}
{{- if and .Values.admissionPolicy.enabled (eq .Values.scope "cluster") (semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version) -}}yes{{- end -}}
{{- end }}
