// SPDX-License-Identifier: Apache-2.0
// Pattern and subject, divided by the first NUL: no pair may crash or take long, and what compiles
// must also replace.
#include "manifests/kinds/regex.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  const char *end = size ? memchr(text, 0, size) : NULL;
  if (!end)
    return 0;
  struct str pattern = {text, (size_t)(end - text)};
  struct str subject = {end + 1, size - pattern.len - 1};
  struct err err;
  for (int whole = 0; whole < 2; whole++) {
    struct regex *regex;
    struct regex_worker worker;
    struct buf out;
    if (regex_compile(pattern, whole, &regex, &err))
      continue;
    regex_worker_init(&worker);
    buf_init(&out, 1 << 20);
    (void)regex_match(regex, subject, &worker);
    (void)regex_replace(regex, subject, STR("\\0-\\1"), &worker, &out);
    buf_dispose(&out);
    regex_worker_dispose(&worker);
    regex_free(regex);
  }
  return 0;
}
