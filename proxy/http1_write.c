// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1_write.h"

#include <string.h>

const struct str http1_chunk_end = STR("\r\n");
const struct str http1_last_chunk = STR("0\r\n\r\n");

struct cursor {
  char *at, *end;
  bool failed;
};

static void put(struct cursor *c, struct str s) {
  if (s.len > (size_t)(c->end - c->at)) {
    c->failed = true;
    return;
  }
  if (s.len)
    memcpy(c->at, s.ptr, s.len);
  c->at += s.len;
}

static void put_number(struct cursor *c, uint64_t value) {
  char digits[20];
  size_t at = sizeof(digits);
  do
    digits[--at] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  put(c, (struct str){digits + at, sizeof(digits) - at});
}

static void put_field(struct cursor *c, struct str name, struct str value) {
  size_t need = name.len + value.len + 4;
  if (need > (size_t)(c->end - c->at)) {
    c->failed = true;
    return;
  }
  char *at = c->at;
  memcpy(at, name.ptr, name.len);
  at += name.len;
  *at++ = ':';
  *at++ = ' ';
  if (value.len)
    memcpy(at, value.ptr, value.len);
  at += value.len;
  *at++ = '\r';
  *at++ = '\n';
  c->at = at;
}

// The fields that only the codec may write, or that end at this hop.
static bool is_codec_field(const struct head_field *field) {
  uint64_t codec = UINT64_C(1) << HEAD_CONTENT_LENGTH | UINT64_C(1) << HEAD_HOST;
#define XX(name, text, flags) codec |= ((flags)&HEAD_IS_HOP) ? UINT64_C(1) << HEAD_##name : 0;
  HEAD_NAME_MAP(XX)
#undef XX
  return (codec >> field->id & 1) != 0;
}

// Whether a Connection header of the head names this field: it is then for one hop, too.
static bool is_named_by_connection(const struct head *head, const struct head_field *field) {
  for (unsigned i = 0; i < head->count; i++) {
    if (head->fields[i].id == HEAD_CONNECTION && head_list_has(head->fields[i].value, field->name))
      return true;
  }
  return false;
}

// Which names to expect behind the chunks: the one field of a hop that means the same on the next.
static bool passes_on(const struct head_field *field, const struct http1_write_options *options) {
  return field->id == HEAD_TRAILER && options->framing == HTTP1_CHUNKED;
}

static void put_fields(struct cursor *c, const struct head *head,
                       const struct http1_write_options *options) {
  bool has_te = false;
  for (unsigned i = 0; i < head->count; i++) {
    const struct head_field *field = &head->fields[i];
    has_te |= field->id == HEAD_TE;
    if ((is_codec_field(field) && !passes_on(field, options)) ||
        (head->names_fields && is_named_by_connection(head, field)))
      continue;
    put_field(c, field->name, field->value);
  }
  if (has_te && head_takes_trailers(head)) // then we take them, too
    put(c, STR("te: trailers\r\n"));
  switch (options->framing) {
  case HTTP1_LENGTH:
    put(c, STR("content-length: "));
    put_number(c, (uint64_t)head->length);
    put(c, STR("\r\n"));
    break;
  case HTTP1_CHUNKED: put(c, STR("transfer-encoding: chunked\r\n")); break;
  case HTTP1_NO_BODY:
  case HTTP1_UNTIL_EOF: break;
  }
  if (options->upgrade) {
    for (unsigned i = 0; i < head->count; i++) {
      if (head->fields[i].id == HEAD_UPGRADE)
        put_field(c, head->fields[i].name, head->fields[i].value);
    }
    put(c, STR("connection: upgrade\r\n"));
  } else if (options->close) {
    put(c, STR("connection: close\r\n"));
  } else if (options->keep) {
    put(c, STR("connection: keep-alive\r\n"));
  }
  put(c, STR("\r\n"));
}

size_t http1_write_request(char *out, size_t room, const struct head *head,
                           const struct http1_write_options *options) {
  struct cursor c = {out, out + room, false};
  put(&c, head->method);
  put(&c, STR(" "));
  put(&c, options->path.ptr ? options->path : head->path);
  if (head->query.ptr) {
    put(&c, STR("?"));
    put(&c, head->query);
  }
  put(&c, STR(" HTTP/1.1\r\n"));
  put_field(&c, STR("host"), options->authority.ptr ? options->authority : head->authority);
  put_fields(&c, head, options);
  return c.failed ? 0 : (size_t)(c.at - out);
}

size_t http1_write_response(char *out, size_t room, const struct head *head,
                            const struct http1_write_options *options) {
  struct cursor c = {out, out + room, false};
  put(&c, STR("HTTP/1.1 "));
  put_number(&c, (uint64_t)head->status);
  put(&c, STR(" "));
  put(&c, str_of(http1_reason(head->status)));
  put(&c, STR("\r\n"));
  put_fields(&c, head, options);
  return c.failed ? 0 : (size_t)(c.at - out);
}

size_t http1_write_chunk_line(char *out, size_t size) {
  static const char hex[] = "0123456789abcdef";
  char digits[16];
  size_t at = sizeof(digits);
  do
    digits[--at] = hex[size % 16];
  while ((size /= 16) > 0);
  size_t len = sizeof(digits) - at;
  memcpy(out, digits + at, len);
  out[len] = '\r';
  out[len + 1] = '\n';
  return len + 2;
}

size_t http1_write_trailers(char *out, size_t room, const struct head_trailers *trailers) {
  struct cursor c = {out, out + room, false};
  put(&c, STR("0\r\n"));
  for (unsigned i = 0; i < trailers->count; i++)
    put_field(&c, trailers->fields[i].name, trailers->fields[i].value);
  put(&c, STR("\r\n"));
  return c.failed ? 0 : (size_t)(c.at - out);
}

struct str http1_continue(void) {
  return STR("HTTP/1.1 100 Continue\r\n\r\n");
}

const char *http1_reason(int status) {
  static const struct {
    int status;
    const char *text;
  } reasons[] = {
      {200, "OK"},
      {100, "Continue"},
      {101, "Switching Protocols"},
      {102, "Processing"},
      {103, "Early Hints"},
      {201, "Created"},
      {202, "Accepted"},
      {203, "Non-Authoritative Information"},
      {204, "No Content"},
      {205, "Reset Content"},
      {206, "Partial Content"},
      {207, "Multi-Status"},
      {300, "Multiple Choices"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {411, "Length Required"},
      {412, "Precondition Failed"},
      {413, "Payload Too Large"},
      {415, "Unsupported Media Type"},
      {416, "Range Not Satisfiable"},
      {417, "Expectation Failed"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Entity"},
      {426, "Upgrade Required"},
      {428, "Precondition Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
  };
  for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
    if (reasons[i].status == status)
      return reasons[i].text;
  }
  return "Unknown";
}
