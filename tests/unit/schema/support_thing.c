// SPDX-License-Identifier: Apache-2.0
#include "support_thing.h"

#include "manifests/base/bug.h"
#include "manifests/schema/check.h"
#include "manifests/schema/format.h"
#include "manifests/text/yaml.h"

static const struct enum_value modes[] = {{.name = ""},
                                          {.name = "Fast", .doc = "at once"},
                                          {.name = "Slow", .doc = "later", .enforced = ENFORCED_NO},
                                          {.name = "Old", .deprecated = "write Slow"},
                                          {.name = NULL}};

static const struct field part_fields[] = {
    F_STRING(struct thing_part, name, "name", .required = true, .not_empty = true,
             .format = &format_dns_label),
    F_INT(struct thing_part, size, "size", F_RANGE(1, 10), .fallback = "3"),
};

static void check_part(const void *object, struct check *check) {
  const struct thing_part *part = object;
  if (part->size == 7)
    check_error(check, "unlucky", "size", "7 is not possible");
}

static const struct schema part_schema =
    SCHEMA("Part", struct thing_part, part_fields, .check = check_part, .doc = "A part.");

static void check_spec(const void *object, struct check *check) {
  const struct thing_spec *spec = object;
  check_unique(check, "parts", ".name", spec->parts, spec->parts_count, sizeof(struct thing_part),
               offsetof(struct thing_part, name));
  if (spec->on && !check_given(check, "title"))
    check_warn(check, "untitled", "title", "is better given");
}

static const struct field spec_fields[] = {
    F_BOOL(struct thing_spec, on, "on", F_ENFORCED),
    F_BOOL_OPT(struct thing_spec, strict, "strict", F_NOT_ENFORCED),
    F_INT(struct thing_spec, count, "count", F_AT_LEAST(1), .fallback = "2"),
    F_INT_OPT(struct thing_spec, limit, "limit", F_RANGE(0, 100)),
    F_DOUBLE(struct thing_spec, ratio, "ratio"),
    F_PERCENT(struct thing_spec, share, "share"),
    F_QUANTITY(struct thing_spec, memory, "memory"),
    F_STRING(struct thing_spec, title, "title", F_RANGE(0, 20)),
    F_STRING(struct thing_spec, title, "oldTitle", .deprecated = "use title"),
    F_ENUM(struct thing_spec, mode, "mode", modes, .doc = "How fast."),
    F_DURATION(struct thing_spec, wait_ms, "wait", F_AT_LEAST(1), .fallback = "5s"),
    F_GEP_DURATION(struct thing_spec, gep_ms, "gep"),
    F_DURATION_OPT(struct thing_spec, max_ms, "max"),
    F_TIME(struct thing_spec, at_ms, "at"),
    F_INT_OR_STRING(struct thing_spec, port, "port", .fallback = "25%"),
    F_OBJECT(struct thing_spec, main, "main", &part_schema),
    F_OPTIONAL(struct thing_spec, extra, "extra", &part_schema),
    F_LIST(struct thing_spec, parts, "parts", &part_schema, F_RANGE(0, 3), .merge_key = "name"),
    F_STRINGS(struct thing_spec, tags, "tags", .is_set = true, .fallback = "[\"a\",\"b\"]"),
    F_INTS(struct thing_spec, codes, "codes", F_RANGE(400, 599)),
    F_STRING_MAP(struct thing_spec, labels, "labels", .format = &format_label_key),
    F_INT_MAP(struct thing_spec, ports, "ports", F_RANGE(1, 65535)),
    F_MAP(struct thing_spec, named, "named", &part_schema, struct named_part, part),
    F_JSON(struct thing_spec, free_form, "freeForm"),
};
static const struct schema spec_schema =
    SCHEMA("ThingSpec", struct thing_spec, spec_fields, .check = check_spec);

static const struct field meta_fields[] = {F_STRING(struct thing_meta, name, "name")};
static const struct schema meta_schema = SCHEMA("Meta", struct thing_meta, meta_fields);

static const struct field thing_fields[] = {
    F_OBJECT(struct thing, metadata, "metadata", &meta_schema),
    F_OBJECT(struct thing, spec, "spec", &spec_schema, .required = true, .doc = "The thing."),
};
static const struct schema thing_schema = SCHEMA("Thing", struct thing, thing_fields);

static const struct printer_column columns[] = {
    {.name = "Mode", .type = "string", .path = ".spec.mode", .doc = "How fast."},
    {.name = "Age", .type = "date", .path = ".metadata.creationTimestamp", .priority = 1},
};

const struct kind_desc thing_kind = {
    .group = "test.serin.dev",
    .versions = (const char *const[]){"v2", "v1", NULL},
    .kind = "Thing",
    .plural = "things",
    .singular = "thing",
    .short_names = (const char *const[]){"th", NULL},
    .namespaced = true,
    .has_status = true,
    .scale_spec = ".spec.count",
    .scale_status = ".status.count",
    .columns = columns,
    .column_count = ARRAY_LEN(columns),
    .schema = &thing_schema,
    .doc = "For tests.",
};

struct json *thing_parse(const char *yaml, struct arena *arena) {
  struct findings findings;
  findings_init(&findings, arena);
  struct yaml_doc *docs = NULL;
  size_t count = yaml_parse(str_of(yaml), STR("thing.yaml"), arena, &docs, &findings);
  BUG_ON(count != 1 || findings.errors);
  return docs[0].root;
}

struct str thing_findings(const struct findings *findings, struct arena *arena) {
  struct str text = STR("");
  for (size_t i = 0; i < findings->count; i++) {
    struct str line = finding_text(&findings->items[i], arena);
    text = arena_printf(arena, "%.*s%.*s\n", STR_ARG(text), STR_ARG(line));
  }
  return text;
}
