// SPDX-License-Identifier: Apache-2.0
// The one write path of the API server: create, update, the four patch types and their dry runs, on
// objects and on their status and scale. Every write goes through the same steps: the candidate is
// made, identity and preconditions are checked, unknown fields are pruned or refused, defaults and
// metadata are set, status is kept apart, the schema judges, ownership of fields is noted, a no-op
// is noticed, and api_store stores. Deletion is api_delete.h.
#pragma once

#include "operator/standalone/api.h"

enum write_verb {
  WRITE_CREATE,
  WRITE_UPDATE,
  WRITE_PATCH_JSON,
  WRITE_PATCH_MERGE,
  WRITE_PATCH_STRATEGIC,
  WRITE_APPLY,
};

enum write_part { WRITE_MAIN, WRITE_STATUS, WRITE_SCALE };

enum field_validation { VALIDATE_WARN, VALIDATE_STRICT, VALIDATE_IGNORE };

struct write_request {
  enum write_verb verb;
  enum write_part part;
  const struct kind_desc *kind;
  struct str version;      // that the client speaks
  struct str ns, name;     // from the URL; name empty for create
  const struct json *body; // the object, or the patch
  struct str duplicate;    // path of a key that stood twice in the body; empty when none
  struct str manager;      // fieldManager; empty: from the user agent
  enum field_validation validation;
  bool dry_run, force;
};

struct write_result {
  struct json
      *object; // as it is now, in the stored version (WRITE_SCALE: the object, not the Scale)
  bool created;
  bool changed; // false: a no-op
};

bool write_is_patch(enum write_verb verb); // of a client's: not an apply
// All or nothing within the open transaction. Sets a fault on failure.
int write_run(struct api *api, struct api_call *call, const struct write_request *request,
              struct write_result *ret_result);

// autoscaling/v1 Scale of an object of a kind that has it; NULL when it has not.
struct json *write_scale_of(const struct kind_desc *kind, const struct json *object,
                            struct arena *arena);
