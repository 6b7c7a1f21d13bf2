// SPDX-License-Identifier: Apache-2.0
// Judges a CustomResourceDefinition: its names and versions (crd_check.c), and that its schemas are
// structural (crd_check_schema.c, crd_check_lists.c), with rules that compile (crd_rules.h).
// Findings are as of crd_validate.h. Pure. Source: k8s.io/apiextensions-apiserver
// pkg/apis/apiextensions/validation and pkg/apiserver/schema.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/text/json.h"

// old: the definition before; NULL when it is new.
void crd_check(const struct json *definition, const struct json *old, struct findings *findings);
// spec.names.singular and listKind, spec.conversion.
void crd_check_default(struct json *definition, struct arena *arena);

// One openAPIV3Schema, that stands at `path`.
void crd_check_schema(const struct json *schema, struct str path, struct findings *findings);
// "Invalid value: <value>: <why>" and its like.
void crd_add(struct findings *findings, struct str path, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
