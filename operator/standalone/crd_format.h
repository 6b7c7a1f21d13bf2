// SPDX-License-Identifier: Apache-2.0
// The formats a CustomResourceDefinition may ask of a string. Pure. Source: k8s.io/kube-openapi
// pkg/validation/strfmt, and the list in k8s.io/apiextensions-apiserver
// pkg/apiserver/validation/formats.go.
#pragma once

#include "manifests/base/str.h"

// Dashes in the name do not count ("date-time"). Unknown formats ask for nothing.
bool crd_format_is_valid(struct str format, struct str text);
