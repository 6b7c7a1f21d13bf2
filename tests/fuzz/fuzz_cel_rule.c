// SPDX-License-Identifier: Apache-2.0
// An expression and, behind a NUL, a JSON object: parsed, checked against a schema's types, run
// within its limits. What compiles gives a value or an error, the same one each time.
#include "manifests/base/bug.h"
#include "manifests/cel/cel.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME(text) STR(text), STR(text)

static const char OBJECT[] =
    "{\"s\":\"h\u00e9llo\",\"i\":3,\"d\":1.5,\"l\":[1,2,3],\"t\":[\"a\",\"b\"],\"m\":{\"k\":1},"
    "\"o\":[{\"s\":\"a\",\"i\":1},{\"s\":\"b\",\"i\":2}],\"w\":\"2026-01-01T00:00:00Z\",\"n\":"
    "\"90s\",\"y\":\"aGk=\",\"x\":\"80%\"}";

// The types of self: every kind a schema can say.
struct types {
  struct cel_field fields[11], part_fields[2];
  struct cel_type root, part, parts, texts;
  struct str keys[1];
};

static const struct cel_type *make(struct types *t, struct arena *arena) {
  const struct cel_type *text = cel_simple(CEL_STRING), *number = cel_simple(CEL_INT);
  *t = (struct types){
      .part_fields = {{NAME("s"), text}, {NAME("i"), number}},
      .part = {.kind = CEL_OBJECT, .name = STR("self.o"), .field_count = 2},
      .parts = {.kind = CEL_LIST, .merge = CEL_MERGE_KEYS, .key_count = 1},
      .texts = {.kind = CEL_LIST, .a = text, .merge = CEL_MERGE_SET},
      .root = {.kind = CEL_OBJECT, .name = STR("self"), .field_count = ARRAY_LEN(t->fields)},
      .keys = {STR("s")}};
  const struct cel_field fields[ARRAY_LEN(t->fields)] = {
      {NAME("s"), text},
      {NAME("i"), number},
      {NAME("d"), cel_simple(CEL_DOUBLE)},
      {NAME("l"), cel_type_list(arena, number)},
      {NAME("t"), &t->texts},
      {NAME("m"), cel_type_map(arena, text, number)},
      {NAME("o"), &t->parts},
      {NAME("w"), cel_simple(CEL_TIMESTAMP)},
      {NAME("n"), cel_simple(CEL_DURATION)},
      {NAME("y"), cel_simple(CEL_BYTES)},
      {NAME("x"), cel_simple(CEL_DYN)}};
  memcpy(t->fields, fields, sizeof fields);
  t->part.fields = t->part_fields;
  t->parts.a = &t->part;
  t->parts.keys = t->keys;
  t->root.fields = t->fields;
  return &t->root;
}

static struct str show(struct cel_value value, struct arena *arena) {
  struct buf out;
  buf_init(&out, 1u << 20);
  cel_show(&out, value, arena);
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

static void run(const struct cel_program *program, const struct json *object,
                const struct cel_type *type, struct arena *arena) {
  struct str first = STR_NULL;
  for (int i = 0; i < 2; i++) {
    uint64_t cost;
    struct cel_value self = cel_from_json(object, type, arena);
    const struct cel_value values[2] = {self, cel_some(arena, self)};
    size_t before = arena->used;
    struct cel_value value = cel_evaluate(program, values, arena, &cost);
    // One step over the limit may be the largest there is.
    BUG_ON(arena->used - before > 3 * (size_t)CEL_MEMORY_MAX);
    BUG_ON(cost > CEL_COST_MAX && value.kind != CEL_ERROR && value.kind != CEL_BOOL);
    struct str shown = show(value, arena);
    BUG_ON(i && !str_eq(first, shown));
    first = shown;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
  struct str source = {(const char *)data, nul ? (size_t)(nul - data) : size};
  struct str text =
      nul ? (struct str){(const char *)nul + 1, size - source.len - 1} : str_of(OBJECT);
  struct arena arena;
  struct types types;
  struct cel_program program;
  struct json *object;
  struct str issues = STR_NULL;
  arena_init(&arena);
  const struct cel_type *type = make(&types, &arena);
  const struct cel_variable variables[] = {{"self", type},
                                           {"oldSelf", cel_type_optional(&arena, type)}};
  if (cel_compile(source, variables, 2, &arena, &program, &issues))
    BUG_ON(!str_starts(issues, STR("ERROR: <input>:")));
  else if (!json_parse(text, &arena, &object, NULL) && json_is(object, JSON_OBJECT))
    run(&program, object, type, &arena);
  arena_dispose(&arena);
  return 0;
}
