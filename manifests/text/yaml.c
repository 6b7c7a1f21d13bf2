// SPDX-License-Identifier: Apache-2.0
#include "manifests/text/yaml.h"
#include "manifests/base/limits.h"
#include "manifests/base/map.h"
#include "manifests/text/utf8.h"
#include "manifests/text/yaml_scalar.h"

#include <string.h>
#include <yaml.h>

struct reader {
  yaml_parser_t parser;
  yaml_event_t event;
  struct arena *arena;
  struct findings *findings;
  struct str file;
  size_t nodes;
  bool stop; // a fault after which nothing more can be read
};

static void fault(struct reader *r, int line, const char *id, struct str message) {
  findings_add(r->findings, FINDING_ERROR, r->file, line, STR(""), id, "%.*s", STR_ARG(message));
}

static void fatal(struct reader *r, int line, const char *id, struct str message) {
  fault(r, line, id, message);
  r->stop = true;
}

static int event_line(const struct reader *r) {
  return (int)r->event.start_mark.line + 1;
}

static struct str parser_message(struct reader *r) {
  const yaml_parser_t *p = &r->parser;
  const char *problem = p->problem ? p->problem : "not YAML";
  if (strstr(problem, "cannot start any token"))
    problem = "a tab or other character that no value may start with (indent with spaces)";
  if (p->context)
    return arena_printf(r->arena, "%s, %s (which began in line %zu)", problem, p->context,
                        p->context_mark.line + 1);
  return arena_strz(r->arena, problem);
}

// Reads the next event into r->event; false after a fault.
static bool next_event(struct reader *r) {
  if (r->stop)
    return false;
  yaml_event_delete(&r->event);
  if (yaml_parser_parse(&r->parser, &r->event))
    return true;
  memset(&r->event, 0, sizeof r->event);
  fatal(r, (int)r->parser.problem_mark.line + 1, "yaml-syntax", parser_message(r));
  return false;
}

static bool check_properties(struct reader *r, const yaml_char_t *anchor, const yaml_char_t *tag) {
  if (anchor)
    fatal(r, event_line(r), "yaml-anchor",
          arena_printf(r->arena,
                       "anchor &%s: anchors and aliases are not accepted; write the value out",
                       (const char *)anchor));
  else if (tag)
    fatal(r, event_line(r), "yaml-tag",
          arena_printf(r->arena, "tag %s: tags are not accepted", (const char *)tag));
  return !r->stop;
}

static struct json *read_node(struct reader *r, int depth);

static struct json *read_scalar(struct reader *r) {
  if (!check_properties(r, r->event.data.scalar.anchor, r->event.data.scalar.tag))
    return NULL;
  struct str text = {(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
  if (text.len && memchr(text.ptr, '\0', text.len)) {
    fatal(r, event_line(r), "nul-byte", arena_strz(r->arena, "a string may not contain NUL"));
    return NULL;
  }
  if (r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
    return json_new_string(r->arena, text);
  struct json *node = yaml_scalar_resolve(text, r->arena);
  node->source = arena_str(r->arena, text);
  return node;
}

static struct json *read_sequence(struct reader *r, int depth) {
  if (!check_properties(r, r->event.data.sequence_start.anchor, r->event.data.sequence_start.tag))
    return NULL;
  struct json *list = json_new_array(r->arena);
  while (next_event(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
    struct json *item = read_node(r, depth + 1);
    if (!item)
      return NULL;
    json_append(list, item);
  }
  return r->stop ? NULL : list;
}

// The key the current event holds, in the arena; STR_NULL after a fault.
static struct str read_key(struct reader *r) {
  if (r->event.type != YAML_SCALAR_EVENT) {
    fatal(r, event_line(r), "yaml-key", arena_strz(r->arena, "expected a plain name as key"));
    return STR_NULL;
  }
  if (!check_properties(r, r->event.data.scalar.anchor, r->event.data.scalar.tag))
    return STR_NULL;
  struct str key = {(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
  if (key.len && memchr(key.ptr, '\0', key.len)) {
    fatal(r, event_line(r), "nul-byte", arena_strz(r->arena, "a key may not contain NUL"));
    return STR_NULL;
  }
  return arena_str(r->arena, key);
}

// Keys of one mapping that were seen, to find duplicates without comparing each with each.
static struct json *read_mapping(struct reader *r, int depth) {
  if (!check_properties(r, r->event.data.mapping_start.anchor, r->event.data.mapping_start.tag))
    return NULL;
  struct json *object = json_new_object(r->arena);
  struct map seen;
  map_init(&seen);
  while (next_event(r) && r->event.type != YAML_MAPPING_END_EVENT) {
    int line = event_line(r);
    struct str key = read_key(r);
    if (!key.ptr || !next_event(r))
      break;
    struct json *value = read_node(r, depth + 1);
    if (!value)
      break;
    const struct json *first = map_get(&seen, key);
    if (first) {
      fault(r, line, "duplicate-key",
            arena_printf(r->arena, "key \"%.*s\" stands twice in one mapping (first in line %d)",
                         STR_ARG(key), first->line));
      continue;
    }
    value->key = key;
    value->line = line;
    json_append(object, value);
    map_put(&seen, key, value);
  }
  map_dispose(&seen);
  return r->stop ? NULL : object;
}

static struct json *read_node(struct reader *r, int depth) {
  int line = event_line(r);
  if (depth > LIMIT_JSON_DEPTH) {
    fatal(r, line, "too-deep",
          arena_printf(r->arena, "nested deeper than %d levels", LIMIT_JSON_DEPTH));
    return NULL;
  }
  if (++r->nodes > LIMIT_JSON_NODES) {
    fatal(r, line, "too-large", arena_printf(r->arena, "more than %u values", LIMIT_JSON_NODES));
    return NULL;
  }
  struct json *node = NULL;
  switch ((int)r->event.type) {
  case YAML_SCALAR_EVENT: node = read_scalar(r); break;
  case YAML_SEQUENCE_START_EVENT: node = read_sequence(r, depth); break;
  case YAML_MAPPING_START_EVENT: node = read_mapping(r, depth); break;
  case YAML_ALIAS_EVENT:
    fatal(r, line, "yaml-alias",
          arena_printf(r->arena,
                       "alias *%s: anchors and aliases are not accepted; write the value out",
                       (const char *)r->event.data.alias.anchor));
    break;
  default: fatal(r, line, "yaml-syntax", arena_strz(r->arena, "expected a value"));
  }
  if (node)
    node->line = line;
  return node;
}

static int line_of(struct str text, size_t at) {
  int line = 1;
  for (size_t i = 0; i < at; i++)
    line += text.ptr[i] == '\n';
  return line;
}

static bool text_is_readable(struct reader *r, struct str text) {
  size_t at;
  const char *nul = text.len ? memchr(text.ptr, '\0', text.len) : NULL;
  if (text.len > LIMIT_MANIFEST_BYTES)
    fatal(r, 0, "too-large",
          arena_printf(r->arena, "%zu bytes, over the limit of %u for one file", text.len,
                       LIMIT_MANIFEST_BYTES));
  else if (nul)
    fatal(r, line_of(text, (size_t)(nul - text.ptr)), "nul-byte",
          arena_strz(r->arena, "contains a NUL byte: expected UTF-8 text"));
  else if (!utf8_valid(text, &at))
    fatal(r, line_of(text, at), "not-utf8",
          arena_printf(r->arena, "not valid UTF-8 at byte %zu", at));
  return !r->stop;
}

static bool is_empty_document(const struct json *root) {
  return root->type == JSON_NULL && str_is_empty(root->source);
}

size_t yaml_parse(struct str text, struct str file, struct arena *arena, struct yaml_doc **ret_docs,
                  struct findings *findings) {
  struct reader r = {.arena = arena, .findings = findings, .file = file};
  size_t count = 0, capacity = 0;
  void *docs = NULL;
  if (!text_is_readable(&r, text) || !yaml_parser_initialize(&r.parser)) {
    *ret_docs = NULL;
    return 0;
  }
  yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
                               text.len);
  while (next_event(&r) && r.event.type != YAML_STREAM_END_EVENT) {
    if (r.event.type != YAML_DOCUMENT_START_EVENT)
      continue; // stream start, document end
    if (count >= LIMIT_YAML_DOCS) {
      fatal(&r, event_line(&r), "too-large",
            arena_printf(arena, "more than %u documents", LIMIT_YAML_DOCS));
      break;
    }
    struct json *root = next_event(&r) ? read_node(&r, 0) : NULL;
    if (!root)
      break;
    if (is_empty_document(root))
      continue;
    struct yaml_doc *doc = arena_push(arena, &docs, &count, &capacity, sizeof *doc);
    *doc = (struct yaml_doc){root, root->line};
  }
  yaml_event_delete(&r.event);
  yaml_parser_delete(&r.parser);
  *ret_docs = docs;
  return count;
}

// --- writing ---

static int collect(void *data, unsigned char *bytes, size_t size) {
  return buf_add(data, bytes, size) == RC_OK;
}

static bool emit(yaml_emitter_t *emitter, yaml_event_t *event) {
  return yaml_emitter_emit(emitter, event) == 1;
}

static bool emit_text(yaml_emitter_t *emitter, struct str text, bool plain) {
  yaml_event_t event;
  yaml_scalar_style_t style = YAML_PLAIN_SCALAR_STYLE;
  if (!plain && str_find_char(text, '\n') >= 0)
    style = YAML_LITERAL_SCALAR_STYLE;
  else if (!plain)
    style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
  // libyaml takes the text as const in all but type.
  unsigned char *bytes = (unsigned char *)(uintptr_t)(text.ptr ? text.ptr : "");
  return yaml_scalar_event_initialize(&event, NULL, NULL, bytes, (int)text.len, 1, 1, style) &&
         emit(emitter, &event);
}

static bool emit_string(yaml_emitter_t *emitter, struct str text) {
  return emit_text(emitter, text, yaml_scalar_is_string(text) && str_find_char(text, '\n') < 0);
}

static bool emit_node(yaml_emitter_t *emitter, const struct json *json);

static bool emit_list(yaml_emitter_t *emitter, const struct json *json) {
  yaml_event_t event;
  yaml_sequence_style_t style = json->count ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE;
  if (!yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style) || !emit(emitter, &event))
    return false;
  JSON_EACH(item, json)
    if (!emit_node(emitter, item))
      return false;
  return yaml_sequence_end_event_initialize(&event) && emit(emitter, &event);
}

static bool emit_object(yaml_emitter_t *emitter, const struct json *json) {
  yaml_event_t event;
  yaml_mapping_style_t style = json->count ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE;
  if (!yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style) || !emit(emitter, &event))
    return false;
  JSON_EACH(item, json)
    if (!emit_string(emitter, item->key) || !emit_node(emitter, item))
      return false;
  return yaml_mapping_end_event_initialize(&event) && emit(emitter, &event);
}

static bool emit_node(yaml_emitter_t *emitter, const struct json *json) {
  switch (json->type) {
  case JSON_STRING: return emit_string(emitter, json->string);
  case JSON_ARRAY: return emit_list(emitter, json);
  case JSON_OBJECT: return emit_object(emitter, json);
  case JSON_NULL:
  case JSON_BOOL:
  case JSON_INT:
  case JSON_DOUBLE: break;
  }
  struct buf text;
  buf_init(&text, 64);
  json_write(&text, json);
  bool done = emit_text(emitter, buf_str(&text), true);
  buf_dispose(&text);
  return done;
}

int yaml_write(struct buf *out, const struct json *json) {
  yaml_emitter_t emitter;
  yaml_event_t event;
  if (!yaml_emitter_initialize(&emitter))
    return RC_INTERNAL;
  yaml_emitter_set_output(&emitter, collect, out);
  yaml_emitter_set_unicode(&emitter, 1);
  yaml_emitter_set_width(&emitter, -1);
  bool done =
      yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) && emit(&emitter, &event) &&
      yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) && emit(&emitter, &event) &&
      emit_node(&emitter, json) && yaml_document_end_event_initialize(&event, 1) &&
      emit(&emitter, &event) && yaml_stream_end_event_initialize(&event) && emit(&emitter, &event);
  yaml_emitter_delete(&emitter);
  return done ? RC_OK : RC_LIMIT;
}
