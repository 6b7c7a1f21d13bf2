// SPDX-License-Identifier: Apache-2.0
#include "proxy/header_format.h"

#include "manifests/kinds/header_time.h"

#include <string.h>

struct part {
  enum header_command command;
  struct str text;      // HEADER_LITERAL; HEADER_START_TIME: its form, "" for ISO 8601
  struct str name, alt; // HEADER_REQ, HEADER_RESP: lower-case; alt "" for none
  size_t max_len;       // 0: no limit
};

struct header_format {
  struct str source;
  bool needs_time;
  const struct part *parts;
  size_t count;
};

struct compile {
  struct arena *arena;
  struct part *parts;
  size_t count, capacity;
};

static struct part *compile_push(struct compile *c, enum header_command command) {
  struct part *part =
      arena_push(c->arena, (void **)&c->parts, &c->count, &c->capacity, sizeof *part);
  *part = (struct part){.command = command};
  return part;
}

static struct str compile_lower(struct arena *arena, struct str name) {
  char *out = arena_alloc(arena, name.len + 1);
  for (size_t i = 0; i < name.len; i++)
    out[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? (char)(name.ptr[i] + 32) : name.ptr[i];
  return (struct str){out, name.len};
}

// "%%" -> "%".
static struct str compile_literal(struct arena *arena, struct str text) {
  char *out = arena_alloc(arena, text.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    i += text.ptr[i] == '%';
    out[len++] = text.ptr[i];
  }
  return (struct str){out, len};
}

static int compile_parts(struct compile *c, struct str text, struct err *err) {
  struct header_token token;
  for (size_t at = 0; at < text.len;) {
    int rc = header_command_next(text, &at, &token, err);
    if (rc != 0)
      return rc;
    struct part *part = compile_push(c, token.command);
    part->max_len = token.max_len;
    part->name = compile_lower(c->arena, token.name);
    part->alt = compile_lower(c->arena, token.alt);
    part->text = token.command == HEADER_LITERAL ? compile_literal(c->arena, token.text)
                                                 : arena_str(c->arena, token.text);
  }
  return 0;
}

int header_format_compile(struct arena *arena, struct str text, unsigned flags,
                          struct table_header *header, struct err *err) {
  struct compile c = {.arena = arena};
  int rc = 0;
  header->format = NULL;
  header->value = STR("");
  for (size_t i = 0; i < text.len && rc == 0; i++) {
    unsigned char byte = (unsigned char)text.ptr[i];
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
      rc = err_set(err, RC_INVALID, "byte 0x%02x at %zu cannot stand in a header", byte, i);
  }
  if (rc == 0 && (flags & HEADER_FORMAT_UUID) && str_eq(text, STR("${UUID}"))) {
    (void)compile_push(&c, HEADER_TEXT_STREAM_ID);
    // One id of a request, not a list of two.
    header->replaces = str_eq(header->name, STR("x-request-id"));
  } else if (rc == 0 && (flags & HEADER_FORMAT_PERCENT)) {
    rc = compile_parts(&c, text, err);
  } else if (rc == 0) {
    header->value = arena_str(arena, text);
    return 0;
  }
  if (rc != 0 || c.count == 0)
    return rc;
  if (c.count == 1 && c.parts[0].command == HEADER_LITERAL) {
    header->value = c.parts[0].text;
    return 0;
  }
  struct header_format *format = ARENA_NEW(arena, struct header_format);
  *format =
      (struct header_format){.source = arena_str(arena, text), .parts = c.parts, .count = c.count};
  for (size_t i = 0; i < c.count; i++)
    format->needs_time |= c.parts[i].command == HEADER_START_TIME;
  header->format = format;
  return 0;
}

bool header_format_needs_time(const struct header_format *format) {
  return format->needs_time;
}

struct str header_format_source(const struct header_format *format) {
  return format->source;
}

struct out {
  char *ptr;
  size_t len, room;
  bool failed;
};

static void out_add(struct out *out, struct str text) {
  if (text.len > out->room - out->len) {
    out->failed = true;
    return;
  }
  if (text.len > 0)
    memcpy(out->ptr + out->len, text.ptr, text.len);
  out->len += text.len;
}

// All values of one name count as one, as in a matcher. False when there is none.
static bool out_add_fields(struct out *out, const struct head *head, struct str name) {
  bool found = false;
  for (unsigned i = 0; head && i < head->count; i++) {
    if (!str_eq(head->fields[i].name, name))
      continue;
    if (found)
      out_add(out, STR(","));
    found = true;
    out_add(out, head->fields[i].value);
  }
  return found;
}

static bool out_add_request(struct out *out, const struct header_format_view *view,
                            struct str name) {
  const struct head *head = view->request;
  if (!str_starts(name, STR(":")))
    return out_add_fields(out, head, name);
  if (str_eq(name, STR(":method")))
    out_add(out, head->method);
  else if (str_eq(name, STR(":authority")))
    out_add(out, head->authority);
  else if (str_eq(name, STR(":scheme")))
    out_add(out, view->scheme);
  else {
    out_add(out, head->path);
    if (head->query.ptr) {
      out_add(out, STR("?"));
      out_add(out, head->query);
    }
  }
  return true;
}

static bool out_add_response(struct out *out, const struct header_format_view *view,
                             struct str name) {
  char text[HEADER_TEXT_ROOM];
  if (!str_eq(name, STR(":status")))
    return out_add_fields(out, view->response, name);
  if (!view->response)
    return false;
  out_add(out, view->text(view->ctx, HEADER_TEXT_RESPONSE_CODE, text));
  return true;
}

static void out_add_part(struct out *out, const struct part *part,
                         const struct header_format_view *view) {
  char text[HEADER_TEXT_ROOM];
  size_t start = out->len;
  if (part->command == HEADER_LITERAL)
    out_add(out, part->text);
  else if (part->command == HEADER_REQ) {
    if (!out_add_request(out, view, part->name) && part->alt.len > 0)
      (void)out_add_request(out, view, part->alt);
  } else if (part->command == HEADER_RESP) {
    if (!out_add_response(out, view, part->name) && part->alt.len > 0)
      (void)out_add_response(out, view, part->alt);
  } else if (part->command == HEADER_START_TIME) {
    out->len +=
        header_time_write(part->text, view->start_ms, out->ptr + out->len, out->room - out->len);
  } else {
    out_add(out, view->text(view->ctx, part->command, text));
  }
  if (part->max_len > 0 && out->len - start > part->max_len)
    out->len = start + part->max_len;
}

size_t header_format_write(const struct header_format *format,
                           const struct header_format_view *view, char *ptr, size_t room) {
  struct out out = {ptr, 0, room, false};
  for (size_t i = 0; i < format->count; i++)
    out_add_part(&out, &format->parts[i], view);
  return out.failed ? SIZE_MAX : out.len;
}
