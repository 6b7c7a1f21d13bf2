// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/gateway_class.h"

#include "manifests/schema/check.h"

static void check_spec(const void *object, struct check *check) {
  const struct gateway_class_spec *spec = object;
  if (str_find_char(spec->controller_name, '/') < 1)
    check_error(check, "bad-value", "controllerName", "expected domain/path");
}

static const struct field spec_fields[] = {
    F_STRING(struct gateway_class_spec, controller_name, "controllerName", .required = true,
             .not_empty = true, F_RANGE(1, 253), F_ENFORCED,
             .doc = "The controller that serves Gateways of this class; ours is "
                    "serin.dev/gateway-controller."),
    F_JSON(struct gateway_class_spec, parameters_ref, "parametersRef", F_NOT_ENFORCED,
           .doc = "An object with settings of the controller."),
    F_STRING(struct gateway_class_spec, description, "description", F_RANGE(0, 64),
             .doc = "For people."),
};
static const struct schema spec_schema =
    SCHEMA("GatewayClassSpec", struct gateway_class_spec, spec_fields, .check = check_spec);

static const struct field status_fields[] = {
    F_LIST(struct gateway_class_status, conditions, "conditions", &condition_schema,
           .merge_key = "type", .doc = "Accepted and others."),
    F_JSON(struct gateway_class_status, supported_features, "supportedFeatures",
           .doc = "Names of the features served."),
};
static const struct schema status_schema =
    SCHEMA("GatewayClassStatus", struct gateway_class_status, status_fields);

static const struct field gateway_class_fields[] = {
    F_OBJECT(struct gateway_class, metadata, "metadata", &object_meta_schema),
    F_OBJECT(struct gateway_class, spec, "spec", &spec_schema, .required = true,
             .doc = "The class."),
    F_OPTIONAL(struct gateway_class, status, "status", &status_schema, .read_only = true,
               .doc = "Written by the controller."),
};
static const struct schema gateway_class_schema =
    SCHEMA("GatewayClass", struct gateway_class, gateway_class_fields);

static const struct printer_column columns[] = {
    {.name = "Controller", .type = "string", .path = ".spec.controllerName"},
    {.name = "Accepted",
     .type = "string",
     .path = ".status.conditions[?(@.type==\"Accepted\")].status"},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp"},
    {.name = "Description", .type = "string", .path = ".spec.description", .priority = 1},
};

const struct kind_desc gateway_class_kind = {
    .group = "gateway.networking.k8s.io",
    .versions = (const char *const[]){"v1", "v1beta1", NULL},
    .kind = "GatewayClass",
    .plural = "gatewayclasses",
    .singular = "gatewayclass",
    .short_names = (const char *const[]){"gc", NULL},
    .categories = (const char *const[]){"gateway-api", NULL},
    .has_status = true,
    .has_generation = true,
    .columns = columns,
    .column_count = sizeof(columns) / sizeof(columns[0]),
    .schema = &gateway_class_schema,
    .doc = "Which controller serves the Gateways of a class.",
};
