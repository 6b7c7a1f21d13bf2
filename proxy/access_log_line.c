// SPDX-License-Identifier: Apache-2.0
// One line of the access log. Written with every request, so nothing here formats by printf: room
// is made once for the longest line these values can give, then bytes are only put.
#include "proxy/access_log.h"

#include <string.h>
#include <time.h>

#define ESCAPED 6u  // bytes of the longest escape
#define FIXED 1024u // keys, numbers, time and punctuation

// How a byte is written: 0 as it is, else by escape.
#define CONTROL 1
#define QUOTED 2
#define SPACE 3 // only where fields are split at spaces

static const unsigned char classes[256] = {
    [0] = CONTROL,  [1 ... 0x1f] = CONTROL, [' '] = SPACE,
    ['"'] = QUOTED, ['\\'] = QUOTED,        [0x7f ... 0xff] = CONTROL,
};

static char *put(char *to, const char *text, size_t len) {
  memcpy(to, text, len);
  return to + len;
}

#define PUT(to, literal) put((to), (literal), sizeof(literal) - 1)

static char *put_number(char *to, uint64_t value) {
  char digits[20];
  size_t at = sizeof(digits);
  do
    digits[--at] = (char)('0' + value % 10);
  while ((value /= 10) > 0);
  return put(to, digits + at, sizeof(digits) - at);
}

static char *put_escape(char *to, unsigned char c) {
  static const char hex[] = "0123456789abcdef";
  if (classes[c] == QUOTED) {
    *to++ = '\\';
    *to++ = (char)c;
    return to;
  }
  // No claim about the encoding of what is above 127: JSON must stay valid UTF-8.
  to = PUT(to, "\\u00");
  *to++ = hex[c >> 4];
  *to++ = hex[c & 15];
  return to;
}

// What a peer wrote must not end the line or the string it stands in. `space`: written for a space,
// so that fields can be split there.
static char *put_escaped(char *to, struct str s, char space) {
  size_t from = 0;
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    if (classes[c] == 0 || (classes[c] == SPACE && space == ' '))
      continue;
    to = put(to, s.ptr + from, i - from);
    from = i + 1;
    if (classes[c] == SPACE)
      *to++ = space;
    else
      to = put_escape(to, c);
  }
  return s.len > from ? put(to, s.ptr + from, s.len - from) : to;
}

static char *put_time(char *to, struct access_log_clock *clock, int64_t wall_ms) {
  int64_t second = wall_ms / 1000;
  unsigned ms = (unsigned)(wall_ms % 1000);
  if (clock->second != second || clock->text[0] == '\0') {
    struct tm tm;
    time_t t = (time_t)second;
    (void)gmtime_r(&t, &tm);
    (void)strftime(clock->text, sizeof(clock->text), "%Y-%m-%dT%H:%M:%S.", &tm);
    clock->second = second;
  }
  to = put(to, clock->text, strlen(clock->text));
  *to++ = (char)('0' + ms / 100);
  *to++ = (char)('0' + ms / 10 % 10);
  *to++ = (char)('0' + ms % 10);
  *to++ = 'Z';
  return to;
}

static char *put_path(char *to, const struct access_log_entry *e) {
  to = put_escaped(to, e->path, ' ');
  if (!e->query.ptr)
    return to;
  *to++ = '?';
  return put_escaped(to, e->query, ' ');
}

// ---- text ----

static char *text_string(char *to, struct str s) {
  if (s.len > 0)
    return put_escaped(to, s, ' ');
  *to++ = '-';
  return to;
}

static char *text_quoted(char *to, struct str s) {
  to = PUT(to, " \"");
  to = text_string(to, s);
  *to++ = '"';
  return to;
}

static char *text_plain(char *to, struct str s) {
  *to++ = ' ';
  if (s.len > 0)
    return put_escaped(to, s, '_'); // as Envoy
  *to++ = '-';
  return to;
}

static char *text_number(char *to, int64_t value) {
  *to++ = ' ';
  if (value >= 0)
    return put_number(to, (uint64_t)value);
  *to++ = '-';
  return to;
}

static char *text_line(char *to, const struct access_log_entry *e, struct access_log_clock *clock) {
  *to++ = '[';
  to = put_time(to, clock, e->start_wall_ms);
  to = PUT(to, "] \"");
  to = text_string(to, e->method);
  *to++ = ' ';
  to = e->path.len > 0 ? put_path(to, e) : PUT(to, "-");
  *to++ = ' ';
  to = text_string(to, e->protocol);
  *to++ = '"';
  to = text_number(to, e->status);
  to = text_plain(to, e->flags);
  to = text_plain(to, e->details);
  to = text_plain(to, e->termination);
  to = text_quoted(to, e->transport_failure);
  to = text_number(to, (int64_t)e->bytes_received);
  to = text_number(to, (int64_t)e->bytes_sent);
  to = text_number(to, e->duration_ms);
  to = text_number(to, e->service_ms);
  to = text_quoted(to, e->forwarded_for);
  to = text_quoted(to, e->user_agent);
  to = text_quoted(to, e->request_id);
  to = text_quoted(to, e->authority);
  to = text_quoted(to, e->upstream_host);
  to = text_plain(to, e->upstream_cluster);
  to = text_plain(to, e->upstream_local);
  to = text_plain(to, e->downstream_local);
  to = text_plain(to, e->downstream_remote);
  to = text_plain(to, STR_NULL); // requested server name: no TLS yet
  return text_plain(to, e->route_name);
}

// ---- JSON ----

static char *json_string(char *to, struct str s) {
  if (s.len == 0)
    return PUT(to, "null");
  *to++ = '"';
  to = put_escaped(to, s, ' ');
  *to++ = '"';
  return to;
}

static char *json_number(char *to, int64_t value) {
  return value >= 0 ? put_number(to, (uint64_t)value) : PUT(to, "null");
}

static char *json_path(char *to, const struct access_log_entry *e) {
  if (e->path.len == 0)
    return PUT(to, "null");
  *to++ = '"';
  to = put_path(to, e);
  *to++ = '"';
  return to;
}

#define STRING(key, value) to = json_string(PUT(to, ",\"" key "\":"), (value))
#define NUMBER(key, value) to = json_number(PUT(to, ",\"" key "\":"), (value))

static char *json_line(char *to, const struct access_log_entry *e, struct access_log_clock *clock) {
  to = PUT(to, "{\"start_time\":\"");
  to = put_time(to, clock, e->start_wall_ms);
  *to++ = '"';
  STRING("method", e->method);
  to = json_path(PUT(to, ",\"path\":"), e);
  STRING("protocol", e->protocol);
  NUMBER("response_code", e->status);
  STRING("response_flags", e->flags);
  STRING("response_code_details", e->details);
  STRING("connection_termination_details", e->termination);
  STRING("upstream_transport_failure_reason", e->transport_failure);
  NUMBER("bytes_received", (int64_t)e->bytes_received);
  NUMBER("bytes_sent", (int64_t)e->bytes_sent);
  NUMBER("duration", e->duration_ms);
  NUMBER("upstream_service_time", e->service_ms);
  STRING("x_forwarded_for", e->forwarded_for);
  STRING("user_agent", e->user_agent);
  STRING("request_id", e->request_id);
  STRING("authority", e->authority);
  STRING("upstream_host", e->upstream_host);
  STRING("upstream_cluster", e->upstream_cluster);
  STRING("upstream_local_address", e->upstream_local);
  STRING("downstream_local_address", e->downstream_local);
  STRING("downstream_remote_address", e->downstream_remote);
  STRING("requested_server_name", STR_NULL);
  STRING("route_name", e->route_name);
  *to++ = '}';
  return to;
}

int access_log_line(struct buf *out, enum access_log_format format,
                    const struct access_log_entry *e, struct access_log_clock *clock) {
  size_t bytes = e->method.len + e->path.len + e->query.len + e->protocol.len + e->flags.len +
                 e->details.len + e->termination.len + e->transport_failure.len +
                 e->forwarded_for.len + e->user_agent.len + e->request_id.len + e->authority.len +
                 e->upstream_host.len + e->upstream_cluster.len + e->upstream_local.len +
                 e->downstream_local.len + e->downstream_remote.len + e->route_name.len;
  char *to = buf_reserve(out, bytes * ESCAPED + FIXED);
  if (!to)
    return RC_LIMIT;
  char *end = format == ACCESS_LOG_JSON ? json_line(to, e, clock) : text_line(to, e, clock);
  *end++ = '\n';
  out->len += (size_t)(end - to);
  return 0;
}
