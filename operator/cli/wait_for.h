// SPDX-License-Identifier: Apache-2.0
// What `--for=` means. Pure.
#pragma once

#include "manifests/text/json.h"

enum wait_kind { WAIT_CONDITION, WAIT_PATH, WAIT_CREATE, WAIT_DELETE };

struct wait_for {
  enum wait_kind kind;
  struct str name; // of the condition
  struct str
      path; // "status.phase", "spec.http[0].name", as json_path takes it ("spec.http.0.name")
  struct str value; // wanted; has_value false: any value that is there and not empty
  bool has_value;
  bool current;    // only when status is of the object's generation (phase)
  struct str text; // as given
};

// RC_USAGE with the forms there are.
int wait_for_parse(struct str text, struct arena *arena, struct wait_for *ret_what,
                   struct err *err);
// object NULL: there is none. A condition counts only when it was observed for the object's
// generation.
bool wait_for_is_met(const struct wait_for *what, const struct json *object);
