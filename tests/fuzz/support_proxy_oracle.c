// SPDX-License-Identifier: Apache-2.0
#include "support_proxy_oracle.h"

#include "manifests/base/bug.h"
#include "proxy/http1.h"

#include <llhttp.h>
#include <string.h>

struct oracle {
  const struct head *head;
  unsigned count;
  struct str name, value;
};

// Its spans may come in several calls, which follow on each other.
static void extend(struct str *span, const char *at, size_t len) {
  BUG_ON(span->ptr && span->ptr + span->len != at);
  *span = (struct str){span->ptr ? span->ptr : at, span->len + len};
}

static int on_name(llhttp_t *parser, const char *at, size_t len) {
  extend(&((struct oracle *)parser->data)->name, at, len);
  return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len) {
  extend(&((struct oracle *)parser->data)->value, at, len);
  return 0;
}

static int on_field(llhttp_t *parser) {
  struct oracle *it = parser->data;
  BUG_ON(it->count >= it->head->count);
  const struct head_field *field = &it->head->fields[it->count++];
  BUG_ON(!str_eq_nocase(field->name, it->name));
  BUG_ON(!str_eq(field->value, str_trim(it->value)));
  it->name = it->value = STR_NULL;
  return 0;
}

static int on_head(llhttp_t *parser) {
  (void)parser;
  return HPE_PAUSED;
}

// Behind a Content-Length llhttp takes spaces only; to RFC 9110, 5.6.3, a tab is as good.
static const char *tabs_at_ends_are_spaces(const char *bytes, size_t len) {
  static char copy[HEAD_BYTES_MAX];
  BUG_ON(len > sizeof copy);
  memcpy(copy, bytes, len);
  for (size_t end = 0; end < len; end++)
    for (size_t at = end; copy[end] == '\r' && at > 0 && strchr("\t ", copy[at - 1]); at--)
      copy[at - 1] = ' ';
  return copy;
}

void oracle_check_head(bool is_response, const char *bytes, size_t head_len,
                       const struct head *head) {
  static const llhttp_settings_t settings = {.on_header_field = on_name,
                                             .on_header_value = on_value,
                                             .on_header_value_complete = on_field,
                                             .on_headers_complete = on_head};
  struct oracle it = {.head = head};
  llhttp_t parser;
  llhttp_init(&parser, is_response ? HTTP_RESPONSE : HTTP_REQUEST, &settings);
  parser.data = &it;
  bytes = tabs_at_ends_are_spaces(bytes, head_len);
  BUG_ON(llhttp_execute(&parser, bytes, head_len) != HPE_PAUSED);
  BUG_ON(llhttp_get_error_pos(&parser) != bytes + head_len);
  BUG_ON(it.count != head->count || parser.http_major != 1 || parser.http_minor != head->minor);
  BUG_ON(is_response && parser.status_code != head->status);
}
