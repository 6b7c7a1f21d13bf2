// SPDX-License-Identifier: Apache-2.0
#include "proxy/trace_context.h"

#define PARENT STR("traceparent")
#define STATE STR("tracestate")

// Lower-case digits.
static bool is_hex(struct str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
      return false;
  }
  return true;
}

// The same, and not all of them 0.
static bool is_id(struct str text) {
  bool any = false;
  for (size_t i = 0; i < text.len; i++)
    any |= text.ptr[i] != '0';
  return any && is_hex(text);
}

// version "-" trace id "-" parent id "-" flags; later versions may be longer.
bool trace_context_is_valid(struct str text) {
  if (text.len < 55 || text.ptr[2] != '-' || text.ptr[35] != '-' || text.ptr[52] != '-')
    return false;
  struct str version = str_slice(text, 0, 2);
  if (!is_hex(version) || str_eq(version, STR("ff")))
    return false;
  if (str_eq(version, STR("00")) ? text.len != 55 : text.len > 55 && text.ptr[55] != '-')
    return false;
  return is_id(str_slice(text, 3, 35)) && is_id(str_slice(text, 36, 52)) &&
         is_hex(str_slice(text, 53, 55));
}

bool trace_context_is_there(const struct head *head) {
  unsigned parents = 0;
  bool valid = false;
  for (unsigned i = 0; i < head->count; i++) {
    struct str name = head->fields[i].name;
    // By length first: most names are none of these.
    if (name.len == PARENT.len && str_eq(name, PARENT)) {
      valid = trace_context_is_valid(head->fields[i].value);
      parents++;
    } else if ((name.len == 2 && str_eq(name, STR("b3"))) ||
               (name.len == 12 && str_eq(name, STR("x-b3-traceid")))) {
      return true;
    }
  }
  return valid && parents == 1;
}

// Most heads have none: looking costs less than closing up gaps that are not there.
static void drop(struct head *head, struct str name) {
  if (head_find_name(head, name))
    head_remove_name(head, name);
}

void trace_context_start(struct head *head, enum trace_mode mode,
                         const uint64_t random[TRACE_RANDOM], char out[TRACE_TEXT]) {
  // An id of nothing but zeros would be none.
  uint64_t high = random[0] | 1, low = random[1], span = random[2] | 1;
  if (mode == TRACE_OFF)
    return;
  if (mode == TRACE_B3) { // without x-b3-sampled: whoever records decides
    str_put_hex(out, high);
    str_put_hex(out + 16, low);
    str_put_hex(out + 32, span);
    (void)head_add_name(head, STR("x-b3-traceid"), (struct str){out, 32});
    (void)head_add_name(head, STR("x-b3-spanid"), (struct str){out + 32, 16});
    return;
  }
  out[0] = out[1] = '0';
  out[2] = out[35] = out[52] = '-';
  str_put_hex(out + 3, high);
  str_put_hex(out + 19, low);
  str_put_hex(out + 36, span);
  // "sampled": backends whose sampler follows its parent record as they would without a proxy.
  out[53] = '0';
  out[54] = '1';
  drop(head, PARENT);
  drop(head, STATE);
  (void)head_add_name(head, PARENT, (struct str){out, 55});
}
