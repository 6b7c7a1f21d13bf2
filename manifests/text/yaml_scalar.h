// SPDX-License-Identifier: Apache-2.0
// What a plain (unquoted) YAML scalar stands for, as Kubernetes reads it: YAML 1.1's booleans and
// octal numbers included. Source: yaml.org/type/{bool,int,float,null}.html and sigs.k8s.io/yaml.
#pragma once

#include "manifests/text/json.h"

struct json *yaml_scalar_resolve(struct str text, struct arena *arena);
// Whether a string may be written without quotes and reads back as the same string (as far as
// typing goes).
bool yaml_scalar_is_string(struct str text);
