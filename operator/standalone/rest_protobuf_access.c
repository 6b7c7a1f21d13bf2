// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "operator/standalone/rest_protobuf_messages.h"

// Roles, bindings and reviews.

static const struct message_row rule_rows[] = {
    {1, VALUE_STRINGS, "verbs", NULL},           {2, VALUE_STRINGS, "apiGroups", NULL},
    {3, VALUE_STRINGS, "resources", NULL},       {4, VALUE_STRINGS, "resourceNames", NULL},
    {5, VALUE_STRINGS, "nonResourceURLs", NULL},
};
static const struct message rule = PROTOBUF_MESSAGE(rule_rows);

static const struct message_row role_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGES, "rules", &rule},
};
const struct message protobuf_role = PROTOBUF_MESSAGE(role_rows);

static const struct message_row aggregation_rows[] = {
    {1, VALUE_MESSAGES, "clusterRoleSelectors", &protobuf_selector},
};
static const struct message aggregation = PROTOBUF_MESSAGE(aggregation_rows);

static const struct message_row cluster_role_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGES, "rules", &rule},
    {3, VALUE_MESSAGE, "aggregationRule", &aggregation},
};
const struct message protobuf_cluster_role = PROTOBUF_MESSAGE(cluster_role_rows);

static const struct message_row subject_rows[] = {
    {1, VALUE_STRING, "kind", NULL},
    {2, VALUE_STRING, "apiGroup", NULL},
    {3, VALUE_STRING, "name", NULL},
    {4, VALUE_STRING, "namespace", NULL},
};
static const struct message subject = PROTOBUF_MESSAGE(subject_rows);

static const struct message_row role_reference_rows[] = {
    {1, VALUE_STRING, "apiGroup", NULL},
    {2, VALUE_STRING, "kind", NULL},
    {3, VALUE_STRING, "name", NULL},
};
static const struct message role_reference = PROTOBUF_MESSAGE(role_reference_rows);

static const struct message_row binding_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGES, "subjects", &subject},
    {3, VALUE_MESSAGE, "roleRef", &role_reference},
};
const struct message protobuf_binding = PROTOBUF_MESSAGE(binding_rows);

static const struct message_row access_resource_rows[] = {
    {1, VALUE_STRING, "namespace", NULL}, {2, VALUE_STRING, "verb", NULL},
    {3, VALUE_STRING, "group", NULL},     {4, VALUE_STRING, "version", NULL},
    {5, VALUE_STRING, "resource", NULL},  {6, VALUE_STRING, "subresource", NULL},
    {7, VALUE_STRING, "name", NULL},
};
static const struct message access_resource = PROTOBUF_MESSAGE(access_resource_rows);

static const struct message_row access_path_rows[] = {
    {1, VALUE_STRING, "path", NULL},
    {2, VALUE_STRING, "verb", NULL},
};
static const struct message access_path = PROTOBUF_MESSAGE(access_path_rows);

static const struct message_row access_spec_rows[] = {
    {1, VALUE_MESSAGE, "resourceAttributes", &access_resource},
    {2, VALUE_MESSAGE, "nonResourceAttributes", &access_path},
};
static const struct message access_spec = PROTOBUF_MESSAGE(access_spec_rows);

static const struct message_row access_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &access_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
const struct message protobuf_access = PROTOBUF_MESSAGE(access_rows);

static const struct message_row rules_spec_rows[] = {
    {1, VALUE_STRING, "namespace", NULL},
};
static const struct message rules_spec = PROTOBUF_MESSAGE(rules_spec_rows);

static const struct message_row rules_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &rules_spec},
    {3, VALUE_SKIPPED, NULL, NULL},
};
const struct message protobuf_rules = PROTOBUF_MESSAGE(rules_rows);

static const struct message_row self_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_SKIPPED, NULL, NULL},
};
const struct message protobuf_self = PROTOBUF_MESSAGE(self_rows);
