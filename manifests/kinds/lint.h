// SPDX-License-Identifier: Apache-2.0
// Habits that hurt, found in a set of manifests that are loaded together. Pure: files are read by
// the caller.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/base/map.h"
#include "manifests/kinds/registry.h"
#include "manifests/text/json.h"

struct lint_object {
  struct str file;
  const struct kind_desc *kind; // NULL: a patch fragment, or a List's wrapper
  const struct json *json;
  struct str ns, name; // "default" where no namespace is given
  struct str host;     // of a DestinationRule: its full name
  const void *object;  // decoded; NULL when it could not be
};
struct lint {
  struct arena *arena; // of everything below
  struct findings *findings;
  struct lint_object *objects;
  size_t count, capacity;
  struct map faulty; // full host names of VirtualServices that inject faults
};

void lint_init(struct lint *lint, struct arena *arena, struct findings *findings);
// Parses and decodes one file's text (YAML stream or JSON; kind List is unpacked); all its faults
// go to the findings.
void lint_add_text(struct lint *lint, struct str file, struct str text);
// The rules over all objects, once, after the last file.
void lint_finish(struct lint *lint);
void lint_dispose(struct lint *lint); // the arena and the findings stay the caller's
