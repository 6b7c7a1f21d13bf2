// SPDX-License-Identifier: Apache-2.0
// YAML (a stream of documents) to json trees with line marks, and back. yaml.c is the only file
// that knows libyaml. As strict as Kubernetes: no anchors, aliases or tags, string keys, no
// duplicate keys, no tabs, UTF-8 without NUL. Plain scalars: true/false, null/~/empty, decimal
// integers and numbers get their type; all else is a string. JSON text is read too, being YAML.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/text/json.h"

struct yaml_doc {
  struct json *root; // never NULL; JSON_NULL for an empty document
  int line;          // where the document starts
};

// Documents up to the first syntax fault are returned; faults go to `findings` with their line.
// Empty documents (only comments) are left out. Returns the number of documents.
size_t yaml_parse(struct str text, struct str file, struct arena *arena, struct yaml_doc **ret_docs,
                  struct findings *findings);
// Writes one document, block style, keys in order, strings quoted where they would read back as
// something else.
int yaml_write(struct buf *out, const struct json *json);
