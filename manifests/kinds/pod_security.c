// SPDX-License-Identifier: Apache-2.0
// What a Pod and its containers may do: kept as written (pod_parts.h).
#include "manifests/kinds/pod_parts.h"

static const struct field se_linux_options_fields[] = {
    K_STRING("user"),
    K_STRING("role"),
    K_STRING("type"),
    K_STRING("level"),
};
static const struct schema se_linux_options_schema =
    KEPT_SCHEMA("SELinuxOptions", se_linux_options_fields);

static const struct field windows_security_context_options_fields[] = {
    K_STRING_OPT("gmsaCredentialSpecName"),
    K_STRING_OPT("gmsaCredentialSpec"),
    K_STRING_OPT("runAsUserName"),
    K_BOOL_OPT("hostProcess"),
};
static const struct schema windows_security_context_options_schema =
    KEPT_SCHEMA("WindowsSecurityContextOptions", windows_security_context_options_fields);

static const struct field seccomp_profile_fields[] = {
    K_STRING("type", .required = true),
    K_STRING_OPT("localhostProfile"),
};
static const struct schema seccomp_profile_schema =
    KEPT_SCHEMA("SeccompProfile", seccomp_profile_fields);

static const struct field app_armor_profile_fields[] = {
    K_STRING("type", .required = true),
    K_STRING_OPT("localhostProfile"),
};
static const struct schema app_armor_profile_schema =
    KEPT_SCHEMA("AppArmorProfile", app_armor_profile_fields);

static const struct field capabilities_fields[] = {
    K_STRINGS("add"),
    K_STRINGS("drop"),
};
static const struct schema capabilities_schema = KEPT_SCHEMA("Capabilities", capabilities_fields);

static const struct field sysctl_fields[] = {
    K_STRING("name", .required = true),
    K_STRING("value", .required = true),
};
static const struct schema sysctl_schema = KEPT_SCHEMA("Sysctl", sysctl_fields);

static const struct field pod_security_context_fields[] = {
    K_OBJECT("seLinuxOptions", &se_linux_options_schema),
    K_OBJECT("windowsOptions", &windows_security_context_options_schema),
    K_INT_OPT("runAsUser"),
    K_INT_OPT("runAsGroup"),
    K_BOOL_OPT("runAsNonRoot"),
    K_INTS("supplementalGroups"),
    K_STRING_OPT("supplementalGroupsPolicy"),
    K_INT_OPT("fsGroup"),
    K_LIST("sysctls", &sysctl_schema),
    K_STRING_OPT("fsGroupChangePolicy"),
    K_OBJECT("seccompProfile", &seccomp_profile_schema),
    K_OBJECT("appArmorProfile", &app_armor_profile_schema),
    K_STRING_OPT("seLinuxChangePolicy"),
};
const struct schema pod_security_context_schema =
    KEPT_SCHEMA("PodSecurityContext", pod_security_context_fields);

static const struct field security_context_fields[] = {
    K_OBJECT("capabilities", &capabilities_schema),
    K_BOOL_OPT("privileged"),
    K_OBJECT("seLinuxOptions", &se_linux_options_schema),
    K_OBJECT("windowsOptions", &windows_security_context_options_schema),
    K_INT_OPT("runAsUser"),
    K_INT_OPT("runAsGroup"),
    K_BOOL_OPT("runAsNonRoot"),
    K_BOOL_OPT("readOnlyRootFilesystem"),
    K_BOOL_OPT("allowPrivilegeEscalation"),
    K_STRING_OPT("procMount"),
    K_OBJECT("seccompProfile", &seccomp_profile_schema),
    K_OBJECT("appArmorProfile", &app_armor_profile_schema),
};
const struct schema security_context_schema =
    KEPT_SCHEMA("SecurityContext", security_context_fields);
