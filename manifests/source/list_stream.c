// SPDX-License-Identifier: Apache-2.0
// Only brackets, strings and the key "items" of the outermost object are looked at; what stands
// between is checked by the JSON parser, item by item, and the rest at the end.
#include "manifests/source/list_stream.h"
#include "manifests/base/limits.h"

void list_stream_init(struct list_stream *stream, list_item_fn each, void *data) {
  *stream = (struct list_stream){.each = each, .data = data};
  buf_init(&stream->envelope, LIST_ENVELOPE_MAX);
  buf_init(&stream->item, LIMIT_WATCH_LINE_BYTES);
}

void list_stream_dispose(struct list_stream *stream) {
  buf_dispose(&stream->envelope);
  buf_dispose(&stream->item);
}

void list_stream_reset(struct list_stream *stream) {
  struct list_stream old = *stream;
  buf_reset(&old.envelope);
  buf_reset(&old.item);
  *stream = (struct list_stream){
      .envelope = old.envelope, .item = old.item, .each = old.each, .data = old.data};
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int hand_out(struct list_stream *stream) {
  int rc = stream->each(buf_str(&stream->item), stream->data);
  buf_reset(&stream->item);
  stream->needs_comma = true;
  return rc;
}

// Between items. *ret_taken: the byte belongs to none.
static int between(struct list_stream *stream, char c, bool *ret_taken, struct err *err) {
  *ret_taken = is_space(c);
  if (*ret_taken || c == ']')
    return RC_OK;
  *ret_taken = c == ',' && stream->needs_comma;
  if (*ret_taken) {
    stream->needs_comma = false;
    return RC_OK;
  }
  return c == '{' && !stream->needs_comma
             ? RC_OK
             : err_set(err, RC_PARSE, "a List: expected an object in items, found '%c'",
                       c >= 0x20 && c < 0x7f ? c : '?');
}

// A string at depth 1 ends at the end of the envelope.
static void note_string(struct list_stream *stream) {
  struct str text = str_slice(buf_str(&stream->envelope), stream->string_at, SIZE_MAX);
  stream->at_items = stream->key_is_next && str_eq_z(text, "\"items\"");
  stream->key_is_next = false;
}

static void step_in_string(struct list_stream *stream, char c) {
  if (stream->escaped)
    stream->escaped = false;
  else if (c == '\\')
    stream->escaped = true;
  else if (c == '"')
    stream->in_string = false;
  if (!stream->in_string && stream->depth == 1)
    note_string(stream);
}

static int step(struct list_stream *stream, char c, struct err *err) {
  switch (c) {
  case '"':
    stream->in_string = true;
    if (stream->depth == 1)
      stream->string_at = stream->envelope.len - 1;
    break;
  case '{':
  case '[':
    if (stream->depth == 1 && c == '[' && stream->at_items)
      stream->in_items = true;
    stream->needs_comma = false;
    stream->depth++;
    stream->key_is_next = stream->depth == 1;
    break;
  case '}':
  case ']':
    if (stream->depth == 0)
      return err_set(err, RC_PARSE, "a List: a bracket too many");
    stream->depth--;
    break;
  case ',': stream->key_is_next = stream->depth == 1; break;
  case ':': break;
  default: break;
  }
  if (stream->depth == 1 && c != ':' && c != '"' && !is_space(c))
    stream->at_items = false;
  return RC_OK;
}

static int feed_one(struct list_stream *stream, char c, struct err *err) {
  bool in_item = stream->in_items && (stream->depth > 2 || stream->in_string);
  bool taken = false;
  int rc = RC_OK;
  if (stream->in_items && !in_item)
    rc = between(stream, c, &taken, err);
  if (rc != RC_OK || taken)
    return rc;
  bool ends = stream->in_items && !in_item && c == ']';
  in_item = stream->in_items && !ends;
  if (buf_add_char(in_item ? &stream->item : &stream->envelope, c) != RC_OK)
    return err_set(err, RC_LIMIT, "a List: %s",
                   in_item ? "an item is too large" : "too much beside its items");
  if (stream->in_string)
    step_in_string(stream, c);
  else
    rc = step(stream, c, err);
  if (ends)
    stream->in_items = false;
  if (rc == RC_OK && in_item && stream->depth == 2 && !stream->in_string)
    rc = hand_out(stream);
  return rc;
}

int list_stream_feed(struct list_stream *stream, struct str bytes, struct err *err) {
  int rc = RC_OK;
  for (size_t i = 0; i < bytes.len && rc == RC_OK; i++)
    rc = feed_one(stream, bytes.ptr[i], err);
  return rc;
}

int list_stream_end(struct list_stream *stream, struct arena *arena, struct json **ret_list,
                    struct err *err) {
  int rc = json_parse(buf_str(&stream->envelope), arena, ret_list, err);
  if (rc == RC_OK && !json_is(*ret_list, JSON_OBJECT))
    rc = err_set(err, RC_PARSE, "expected a List, found a %s", json_type_name((*ret_list)->type));
  const struct json *items = rc == RC_OK ? json_get(*ret_list, "items") : NULL;
  if (items && items->type != JSON_NULL && (items->type != JSON_ARRAY || items->count > 0))
    rc = err_set(err, RC_PARSE, "items is written in a way that was not understood");
  return rc == RC_OK ? RC_OK : err_wrap(err, RC_PARSE, "a List");
}
