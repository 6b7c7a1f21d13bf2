// SPDX-License-Identifier: Apache-2.0
// What many messages share, and Pods.
#include "operator/standalone/rest_protobuf_messages.h"

static const struct message_row owner_rows[] = {
    {5, VALUE_STRING, "apiVersion", NULL},
    {1, VALUE_STRING, "kind", NULL},
    {3, VALUE_STRING, "name", NULL},
    {4, VALUE_STRING, "uid", NULL},
    {6, VALUE_POINTER_BOOL, "controller", NULL},
    {7, VALUE_POINTER_BOOL, "blockOwnerDeletion", NULL},
};
static const struct message owner = PROTOBUF_MESSAGE(owner_rows);

static const struct message_row meta_rows[] = {
    {1, VALUE_STRING, "name", NULL},
    {2, VALUE_STRING, "generateName", NULL},
    {3, VALUE_STRING, "namespace", NULL},
    {8, VALUE_SKIPPED, NULL, NULL},
    {11, VALUE_STRING_MAP, "labels", NULL},
    {12, VALUE_STRING_MAP, "annotations", NULL},
    {13, VALUE_MESSAGES, "ownerReferences", &owner},
    {14, VALUE_STRINGS, "finalizers", NULL},
};
const struct message protobuf_meta = PROTOBUF_MESSAGE(meta_rows);

static const struct message_row requirement_rows[] = {
    {1, VALUE_STRING, "key", NULL},
    {2, VALUE_STRING, "operator", NULL},
    {3, VALUE_STRINGS, "values", NULL},
};
static const struct message requirement = PROTOBUF_MESSAGE(requirement_rows);

static const struct message_row selector_rows[] = {
    {1, VALUE_STRING_MAP, "matchLabels", NULL},
    {2, VALUE_MESSAGES, "matchExpressions", &requirement},
};
const struct message protobuf_selector = PROTOBUF_MESSAGE(selector_rows);

static const struct message_row local_rows[] = {
    {1, VALUE_STRING, "name", NULL},
};
const struct message protobuf_local = PROTOBUF_MESSAGE(local_rows);

static const struct message_row key_of_rows[] = {
    {1, VALUE_MESSAGE, NULL, &protobuf_local},
    {2, VALUE_STRING, "key", NULL},
    {3, VALUE_POINTER_BOOL, "optional", NULL},
};
static const struct message key_of = PROTOBUF_MESSAGE(key_of_rows);

static const struct message_row field_of_rows[] = {
    {1, VALUE_STRING, "apiVersion", NULL},
    {2, VALUE_STRING, "fieldPath", NULL},
};
static const struct message field_of = PROTOBUF_MESSAGE(field_of_rows);

static const struct message_row env_source_rows[] = {
    {1, VALUE_MESSAGE, "fieldRef", &field_of},
    {3, VALUE_MESSAGE, "configMapKeyRef", &key_of},
    {4, VALUE_MESSAGE, "secretKeyRef", &key_of},
};
static const struct message env_source = PROTOBUF_MESSAGE(env_source_rows);

static const struct message_row env_rows[] = {
    {1, VALUE_STRING, "name", NULL},
    {2, VALUE_STRING, "value", NULL},
    {3, VALUE_MESSAGE, "valueFrom", &env_source},
};
static const struct message env = PROTOBUF_MESSAGE(env_rows);

static const struct message_row env_all_rows[] = {
    {1, VALUE_MESSAGE, NULL, &protobuf_local},
    {2, VALUE_POINTER_BOOL, "optional", NULL},
};
static const struct message env_all = PROTOBUF_MESSAGE(env_all_rows);

static const struct message_row env_from_rows[] = {
    {1, VALUE_STRING, "prefix", NULL},
    {2, VALUE_MESSAGE, "configMapRef", &env_all},
    {3, VALUE_MESSAGE, "secretRef", &env_all},
};
static const struct message env_from = PROTOBUF_MESSAGE(env_from_rows);

static const struct message_row port_rows[] = {
    {1, VALUE_STRING, "name", NULL},       {2, VALUE_INT, "hostPort", NULL},
    {3, VALUE_INT, "containerPort", NULL}, {4, VALUE_STRING, "protocol", NULL},
    {5, VALUE_STRING, "hostIP", NULL},
};
static const struct message port = PROTOBUF_MESSAGE(port_rows);

static const struct message_row resources_rows[] = {
    {1, VALUE_QUANTITY_MAP, "limits", NULL},
    {2, VALUE_QUANTITY_MAP, "requests", NULL},
};
static const struct message resources = PROTOBUF_MESSAGE(resources_rows);

static const struct message_row mount_rows[] = {
    {1, VALUE_STRING, "name", NULL},
    {2, VALUE_BOOL, "readOnly", NULL},
    {3, VALUE_STRING, "mountPath", NULL},
    {4, VALUE_STRING, "subPath", NULL},
};
static const struct message mount = PROTOBUF_MESSAGE(mount_rows);

static const struct message_row container_rows[] = {
    {1, VALUE_STRING, "name", NULL},
    {2, VALUE_STRING, "image", NULL},
    {3, VALUE_STRINGS, "command", NULL},
    {4, VALUE_STRINGS, "args", NULL},
    {5, VALUE_STRING, "workingDir", NULL},
    {6, VALUE_MESSAGES, "ports", &port},
    {7, VALUE_MESSAGES, "env", &env},
    {8, VALUE_MESSAGE, "resources", &resources},
    {9, VALUE_MESSAGES, "volumeMounts", &mount},
    {13, VALUE_STRING, "terminationMessagePath", NULL},
    {14, VALUE_STRING, "imagePullPolicy", NULL},
    {19, VALUE_MESSAGES, "envFrom", &env_from},
    {20, VALUE_STRING, "terminationMessagePolicy", NULL},
};
static const struct message container = PROTOBUF_MESSAGE(container_rows);

static const struct message_row pod_spec_rows[] = {
    {2, VALUE_MESSAGES, "containers", &container},
    {20, VALUE_MESSAGES, "initContainers", &container},
    {3, VALUE_STRING, "restartPolicy", NULL},
    {4, VALUE_POINTER_INT, "terminationGracePeriodSeconds", NULL},
    {5, VALUE_POINTER_INT, "activeDeadlineSeconds", NULL},
    {6, VALUE_STRING, "dnsPolicy", NULL},
    {7, VALUE_STRING_MAP, "nodeSelector", NULL},
    {8, VALUE_STRING, "serviceAccountName", NULL},
    {9, VALUE_STRING, "serviceAccount", NULL},
    {19, VALUE_STRING, "schedulerName", NULL},
    {24, VALUE_STRING, "priorityClassName", NULL},
};
static const struct message pod_spec = PROTOBUF_MESSAGE(pod_spec_rows);

static const struct message_row template_rows[] = {
    {1, VALUE_MESSAGE, "metadata", &protobuf_meta},
    {2, VALUE_MESSAGE, "spec", &pod_spec},
};
const struct message protobuf_template = PROTOBUF_MESSAGE(template_rows);
