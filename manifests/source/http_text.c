// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/http_text.h"
#include "manifests/source/http_client.h"

#include <string.h>

static bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool http_text_is_token(struct str text) {
  for (size_t i = 0; i < text.len; i++)
    if (!is_alnum(text.ptr[i]) && (!text.ptr[i] || !strchr("!#$%&'*+-.^_`|~", text.ptr[i])))
      return false;
  return text.len > 0;
}

bool http_text_is_clean(struct str text) {
  for (size_t i = 0; i < text.len; i++)
    if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
      return false;
  return true;
}

struct str http_text_public_url(struct arena *arena, struct str url) {
  for (size_t i = 0; i < url.len; i++)
    if (url.ptr[i] == '?' || url.ptr[i] == '#') {
      url.len = i;
      break;
    }
  size_t start = 0;
  for (size_t i = 0; i + 2 < url.len; i++)
    if (memcmp(url.ptr + i, "://", 3) == 0) {
      start = i + 3;
      break;
    }
  size_t end = start;
  while (end < url.len && url.ptr[end] != '/')
    end++;
  size_t host = start;
  for (size_t i = start; i < end; i++)
    if (url.ptr[i] == '@')
      host = i + 1;
  return arena_printf(arena, "%.*s%.*s", (int)start, url.ptr ? url.ptr : "",
                      STR_ARG(str_slice(url, host, url.len)));
}

bool http_text_is_loopback(struct str host) {
  return str_eq_nocase(host, STR("localhost")) || str_starts(host, STR("127.")) ||
         str_eq(host, STR("::1")) || str_eq(host, STR("[::1]"));
}

bool http_next_header(struct str *rest, const char *name, struct str *ret_value) {
  struct str line;
  while (str_next(rest, '\n', &line)) {
    ptrdiff_t colon = str_find_char(line, ':');
    if (colon <= 0 || !str_eq_nocase(str_slice(line, 0, (size_t)colon), str_of(name)))
      continue;
    *ret_value = str_trim(str_slice(line, (size_t)colon + 1, line.len));
    return true;
  }
  return false;
}

struct str http_reply_header(const struct http_reply *reply, const char *name) {
  struct str rest = reply->head, value;
  return http_next_header(&rest, name, &value) ? value : STR_NULL;
}

struct str http_escape(struct arena *arena, struct str text) {
  static const char hex[] = "0123456789ABCDEF";
  char *out = arena_alloc(arena, text.len * 3 + 1);
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    if (is_alnum((char)c) || (c && strchr("-._~", c))) {
      out[len++] = (char)c;
    } else {
      out[len++] = '%';
      out[len++] = hex[c >> 4];
      out[len++] = hex[c & 15];
    }
  }
  return (struct str){out, len};
}
