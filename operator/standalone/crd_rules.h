// SPDX-License-Identifier: Apache-2.0
// Rules in CEL (x-kubernetes-validations) of a structural schema: compiled when the definition
// comes, run on every write of an object. Pure. Source: Kubernetes' documentation, "Validation
// rules"; k8s.io/apiextensions-apiserver pkg/apiserver/schema/cel and
// pkg/apis/apiextensions/validation.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/cel/cel.h"
#include "manifests/text/json.h"

// What all rules of one write may cost together.
#define CRD_RULES_COST_MAX 10000000

// The rules of a schema and below it; immutable.
struct crd_rules;

// The type expressions see of what a schema describes; NULL: they see nothing of it. is_resource:
// apiVersion, kind, metadata.name and generateName are known whatever the schema says.
const struct cel_type *crd_rules_type(const struct json *schema, bool is_resource, struct str name,
                                      struct arena *arena);

// Compiles all rules; NULL when there are none. The schema must live as long. A rule that does not
// compile refuses all objects, with the reason.
const struct crd_rules *crd_rules_compile(const struct json *schema, bool is_resource,
                                          struct arena *arena);
// What is wrong with the words of one schema's own rules: messages, reasons, paths.
void crd_rules_check_words(const struct json *schema, struct str path, struct findings *findings);
// Refuses what is wrong with the rules of a schema that is structural, and with its defaults.
void crd_rules_check(const struct json *schema, struct str path, struct findings *findings);

// Runs the rules on `object`, which the schema allows. old: the object before; NULL when it is new.
// Findings have the ids of crd_validate.h; what only breaks a rule that it broke before and is as
// it was is a warning (a whole sentence). rules may be NULL.
void crd_rules_judge(const struct crd_rules *rules, const struct json *object,
                     const struct json *old, struct str path, struct findings *findings);
