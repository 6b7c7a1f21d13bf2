// SPDX-License-Identifier: Apache-2.0
#include "manifests/schema/docs.h"

#include "manifests/schema/scalar.h"

#define DOCS_TYPES_MAX 256

struct page {
  struct buf *out;
  struct arena arena;
  const struct schema *types[DOCS_TYPES_MAX]; // in order of first mention
  size_t count;
};

static void mention(struct page *page, const struct schema *schema) {
  for (size_t i = 0; i < page->count; i++)
    if (page->types[i] == schema)
      return;
  if (page->count < DOCS_TYPES_MAX)
    page->types[page->count++] = schema;
}

static const char *type_name(const struct field *row) {
  switch (row->type) {
  case FIELD_BOOL: return "boolean";
  case FIELD_INT: return "integer";
  case FIELD_DOUBLE: return "number";
  case FIELD_STRING: return "string";
  case FIELD_ENUM: return "one of";
  case FIELD_DURATION:
  case FIELD_GEP_DURATION: return "duration";
  case FIELD_PERCENT: return "percentage";
  case FIELD_QUANTITY: return "quantity";
  case FIELD_TIME:
  case FIELD_MICRO_TIME: return "time";
  case FIELD_INT_OR_STRING: return "integer or string";
  case FIELD_OBJECT:
  case FIELD_OPTIONAL: return "";
  case FIELD_LIST: return "list of ";
  case FIELD_STRINGS: return "list of strings";
  case FIELD_INTS: return "list of integers";
  case FIELD_STRING_MAP: return "map of strings";
  case FIELD_INT_MAP: return "map of integers";
  case FIELD_MAP: return "map of ";
  case FIELD_JSON: return "anything";
  }
  return "";
}

// Text of a table cell: no line breaks, bars escaped.
static void cell(struct buf *out, struct str text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] == '|')
      (void)buf_add_char(out, '\\');
    (void)buf_add_char(out, text.ptr[i] == '\n' ? ' ' : text.ptr[i]);
  }
}

static void anchor(struct buf *out, const char *name) {
  for (; *name; name++)
    (void)buf_add_char(out, *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name);
}

static void type_cell(struct page *page, const struct field *row) {
  (void)buf_add_z(page->out, type_name(row));
  if (row->type == FIELD_ENUM) {
    for (int i = 1; row->values[i].name; i++)
      (void)buf_addf(page->out, "%s `%s`", i > 1 ? "," : "", row->values[i].name);
  } else if (row->verbatim) { // somebody else's, described elsewhere
    (void)buf_addf(page->out, "`%s`", row->schema->name);
  } else if (row->schema) {
    mention(page, row->schema);
    (void)buf_addf(page->out, "[%s](#", row->schema->name);
    anchor(page->out, row->schema->name);
    (void)buf_add_char(page->out, ')');
  }
  if (row->has_range && row->type != FIELD_PERCENT) {
    (void)buf_add_z(page->out, ", ");
    cell(page->out, scalar_bounds(row, &page->arena));
    if (row->type == FIELD_STRING)
      (void)buf_add_z(page->out, " bytes");
    else if (row->type == FIELD_LIST || row->type == FIELD_STRINGS)
      (void)buf_add_z(page->out, " items");
  }
}

static void sentence(struct buf *out, struct str text) {
  cell(out, text);
  if (text.len && text.ptr[text.len - 1] != '.')
    (void)buf_add_char(out, '.');
  (void)buf_add_char(out, ' ');
}

static void meaning_cell(struct page *page, const struct field *row) {
  if (row->doc)
    sentence(page->out, str_of(row->doc));
  if (row->type == FIELD_ENUM)
    for (int i = 1; row->values[i].name; i++)
      if (row->values[i].doc) {
        (void)buf_addf(page->out, "`%s`: ", row->values[i].name);
        sentence(page->out, str_of(row->values[i].doc));
      }
  if (row->format)
    sentence(page->out,
             arena_printf(&page->arena, "%s: %s",
                          row->type == FIELD_MAP || row->type == FIELD_STRING_MAP ? "Keys" : "Form",
                          row->format->expected));
  if (row->deprecated)
    sentence(page->out, arena_printf(&page->arena, "Deprecated: %s", row->deprecated));
  if (row->enforced == ENFORCED_NO)
    (void)buf_add_z(page->out, "*Accepted but not enforced yet.*");
}

static void table(struct page *page, const struct schema *schema) {
  (void)buf_add_z(page->out, "| field | type | default | meaning |\n|---|---|---|---|\n");
  for (size_t i = 0; i < schema->count; i++) {
    const struct field *row = &schema->fields[i];
    (void)buf_addf(page->out, "| `%s`%s | ", row->name, row->required ? " (required)" : "");
    type_cell(page, row);
    (void)buf_add_z(page->out, " | ");
    if (row->fallback) {
      (void)buf_add_char(page->out, '`');
      cell(page->out, str_of(row->fallback));
      (void)buf_add_char(page->out, '`');
    }
    (void)buf_add_z(page->out, " | ");
    meaning_cell(page, row);
    while (page->out->len && page->out->ptr[page->out->len - 1] == ' ')
      page->out->len--;
    (void)buf_add_z(page->out, " |\n");
  }
}

static void header(struct buf *out, const struct kind_desc *kind) {
  (void)buf_addf(out, "# %s\n\n", kind->kind);
  (void)buf_addf(out,
                 "<!-- Generated from the field tables; do not edit. -->\n\n`apiVersion: %s%s%s`",
                 kind->group, kind->group[0] ? "/" : "", kind->versions[0]);
  for (size_t i = 1; kind->versions[i]; i++)
    (void)buf_addf(out, "%s`%s`", i == 1 ? " (also " : ", ", kind->versions[i]);
  (void)buf_addf(out, "%s, plural `%s`", kind->versions[1] ? ")" : "", kind->plural);
  for (size_t i = 0; kind->short_names && kind->short_names[i]; i++)
    (void)buf_addf(out, "%s`%s`", i == 0 ? ", short " : ", ", kind->short_names[i]);
  (void)buf_addf(out, ", %s.\n\n", kind->namespaced ? "namespaced" : "cluster-wide");
  if (kind->doc)
    (void)buf_addf(out, "%s\n\n", kind->doc);
}

int docs_kind(struct buf *out, const struct kind_desc *kind) {
  struct page page = {.out = out};
  arena_init(&page.arena);
  header(out, kind);
  for (size_t i = 0; i < kind->schema->count; i++) {
    const struct field *row = &kind->schema->fields[i];
    if (str_eq_z(str_of(row->name), "metadata") || !row->schema)
      continue;
    (void)buf_addf(out, "## %s\n\n", row->name);
    table(&page, row->schema);
    (void)buf_add_char(out, '\n');
  }
  // The list grows while it is walked: a type's table mentions further types.
  for (size_t i = 0; i < page.count; i++) {
    (void)buf_addf(out, "### %s\n\n", page.types[i]->name);
    if (page.types[i]->doc)
      (void)buf_addf(out, "%s\n\n", page.types[i]->doc);
    table(&page, page.types[i]);
    (void)buf_add_char(out, '\n');
  }
  arena_dispose(&page.arena);
  return out->failed ? RC_LIMIT : 0;
}
