// SPDX-License-Identifier: Apache-2.0
// A header value: what the check takes must compile, and what compiles must be written within its
// room, without bytes that end a header.
#include "manifests/base/bug.h"
#include "proxy/header_format.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str text(void *ctx, enum header_command command, char *out) {
  (void)ctx;
  memset(out, 'x', HEADER_TEXT_ROOM);
  return (struct str){out, (unsigned)command % HEADER_TEXT_ROOM};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct str value = {(const char *)data, size};
  struct arena arena;
  struct table_header header = {.name = STR("x")};
  static struct head request, response;
  char out[200];
  arena_init(&arena);
  head_init(&request);
  head_init(&response);
  request.path = STR("/path");
  request.query = STR("a=b");
  (void)head_add_name(&request, STR("a"), STR("one"));
  (void)head_add_name(&request, STR("a"), STR("two"));
  (void)head_add_name(&response, STR("b"), STR("three"));
  const struct header_format_view view = {.request = &request,
                                          .response = size % 2 ? &response : NULL,
                                          .scheme = STR("http"),
                                          .start_ms = (int64_t)size * 12345678901,
                                          .text = text};
  int checked = header_command_check(value, NULL);
  int compiled = header_format_compile(&arena, value, HEADER_FORMAT_PERCENT, &header, NULL);
  BUG_ON((checked == 0) != (compiled == 0));
  for (size_t room = 0; compiled == 0 && header.format && room <= sizeof(out); room += 40) {
    size_t len = header_format_write(header.format, &view, out, room);
    BUG_ON(len != SIZE_MAX && len > room);
    for (size_t i = 0; len != SIZE_MAX && i < len; i++)
      BUG_ON(out[i] == '\r' || out[i] == '\n' || out[i] == '\0');
  }
  arena_dispose(&arena);
  return 0;
}
