// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/api_read.h"
#include "manifests/kinds/event.h"
#include "manifests/text/base64.h"

int read_revision(struct api_call *call, struct str text, int64_t *ret_revision) {
  *ret_revision = 0;
  if (text.len && (!str_to_i64(text, ret_revision) || *ret_revision < 0))
    return api_bad_request(call, "invalid resource version \"%.*s\": not a number", STR_ARG(text));
  return RC_OK;
}

// The names that events.k8s.io has for two fields.
static void event_field(struct arena *arena, struct str *key) {
  if (str_starts(*key, STR("regarding.")))
    *key = arena_printf(arena, "involvedObject.%.*s", STR_ARG(str_slice(*key, 10, key->len)));
  else if (str_eq_z(*key, "reportingController"))
    *key = STR("reportingComponent");
}

// Kinds of Kubernetes that have only the two common fields say so.
static int not_selectable(struct api_call *call, const struct kind_desc *kind, struct str field) {
  if (kind->builtin && !api_has_selectable_fields(kind))
    return api_bad_request(call,
                           "\"%.*s\" is not a known field selector: only \"metadata.name\", "
                           "\"metadata.namespace\"",
                           STR_ARG(field));
  return api_bad_request(call, "field label not supported: %.*s", STR_ARG(field));
}

int read_filter(struct api_call *call, const struct kind_desc *kind, struct str ns, struct str name,
                const struct rest_query *query, struct api_filter *ret_filter) {
  struct api_filter filter = {.ns = kind->namespaced ? ns : STR("")};
  struct err err;
  if (selector_parse_labels(query->label_selector, call->arena, &filter.labels, &err))
    return api_bad_request(call, "unable to parse the label selector: %s", err.msg);
  struct str fields = query->field_selector;
  if (name.len)
    fields = arena_printf(call->arena, "metadata.name=%.*s%s%.*s", STR_ARG(name),
                          fields.len ? "," : "", STR_ARG(fields));
  if (selector_parse_fields(fields, call->arena, &filter.fields, &err))
    return api_bad_request(call, "unable to parse the field selector: %s", err.msg);
  for (size_t i = 0; i < filter.fields.count; i++) {
    if (kind == &event_kind)
      event_field(call->arena, &filter.fields.terms[i].key);
    if (!api_field_is_selectable(kind, filter.fields.terms[i].key))
      return not_selectable(call, kind, filter.fields.terms[i].key);
  }
  *ret_filter = filter;
  return RC_OK;
}

int read_write_object(struct api_call *call, const struct read_request *request,
                      struct json *object, struct buf *out) {
  struct arena *arena = call->arena;
  struct json *shown = json_dup(arena, object);
  api_set_version(arena, shown, request->kind, request->version);
  if (request->include == TABLE_OFF)
    return json_write(out, shown);
  if (request->include == TABLE_PARTIAL)
    return json_write(out, table_partial(shown, arena));
  struct json *table = table_new(request->kind, "meta.k8s.io/v1", true, arena);
  json_put_string(arena, json_need_object(arena, table, "metadata"), "resourceVersion",
                  api_meta_string(object, "resourceVersion"));
  table_add(table, request->kind, shown, request->include, call->now_ms, arena);
  return json_write(out, table);
}

int read_get(struct api *api, struct api_call *call, const struct read_request *request,
             struct buf *out) {
  struct store_row row;
  struct err err;
  struct store_key key = api_key(call->arena, request->kind, request->ns, request->name);
  int rc = store_get(api->store, key, call->arena, &row, &err);
  if (rc == RC_NOT_FOUND)
    return api_not_found(call, request->kind, request->name);
  if (rc)
    return api_fail(call, 500, "InternalError", "%s", err.msg);
  if (request->include == TABLE_OFF)
    return api_write_body(out, row.body, request->kind, request->version);
  struct json *object;
  if (json_parse(row.body, call->arena, &object, &err))
    return api_fail(call, 500, "InternalError", "%s", err.msg);
  return read_write_object(call, request, object, out);
}

struct page {
  struct api_call *call;
  const struct read_request *request;
  struct api_filter filter;
  struct arena arena; // of one row
  struct buf items;   // plain: the objects' texts with commas; tables: the rows'
  int64_t limit, count;
  struct store_key last; // of the last row taken, in the call's arena
  bool more;
};

static void take_table_row(struct page *page, struct json *object) {
  const struct read_request *request = page->request;
  if (request->include == TABLE_PARTIAL) {
    json_write(&page->items, table_partial(object, &page->arena));
    return;
  }
  api_set_version(&page->arena, object, request->kind, request->version);
  struct json *table = table_new(request->kind, "", false, &page->arena);
  table_add(table, request->kind, object, request->include, page->call->now_ms, &page->arena);
  json_write(&page->items, json_get(table, "rows")->child);
}

static bool take_row(const struct store_row *row, void *context) {
  struct page *page = context;
  struct json *object = NULL;
  bool table = page->request->include != TABLE_OFF;
  if (table || !api_filter_is_empty(&page->filter)) {
    arena_reset(&page->arena);
    if (json_parse(row->body, &page->arena, &object, NULL) ||
        !api_filter_match(&page->filter, object))
      return true;
  }
  if (page->limit && page->count == page->limit) {
    page->more = true;
    return false;
  }
  if (page->count++)
    buf_add_char(&page->items, ',');
  if (table)
    take_table_row(page, object);
  else
    api_write_body(&page->items, row->body, page->request->kind, page->request->version);
  if (page->limit && page->count == page->limit) {
    page->last.ns = arena_str(page->call->arena, row->key.ns);
    page->last.name = arena_str(page->call->arena, row->key.name);
  }
  return !page->items.failed;
}

// continue: base64 of "revision/namespace/name", opaque to clients.
static int read_token(struct api *api, struct api_call *call, struct str token,
                      int64_t *ret_revision, struct store_key *ret_after) {
  struct str text, revision, ns;
  if (!base64_decode(token, call->arena, &text) || !str_next(&text, '/', &revision) ||
      !str_next(&text, '/', &ns) || !text.ptr || !str_to_i64(revision, ret_revision))
    return api_bad_request(call, "continue key is not valid");
  if (*ret_revision > store_revision(api->store) || *ret_revision < store_exact(api->store))
    return api_fail(
        call, 410, "Expired",
        "The provided continue parameter is too old to display a consistent list result. You "
        "must start a new list without the continue parameter.");
  ret_after->ns = ns;
  ret_after->name = text;
  return RC_OK;
}

static int too_new(struct api_call *call, int64_t revision, int64_t current) {
  int rc =
      api_fail(call, 504, "Timeout", "Timeout: Too large resource version: %lld, current: %lld",
               (long long)revision, (long long)current);
  struct arena *arena = call->arena;
  struct json *details = json_new_object(arena), *cause = json_new_object(arena);
  json_put_z(arena, cause, "reason", "ResourceVersionTooLarge");
  json_put_z(arena, cause, "message", "Too large resource version");
  json_append(json_need_array(arena, details, "causes"), cause);
  call->fault.details = details;
  call->fault.retry_after = 1;
  return rc;
}

// As of when a list is to be. With a limit and no other word a revision means exactly that one, so
// that its pages can be asked for again.
static int choose_revision(struct api *api, struct api_call *call, const struct rest_query *query,
                           int64_t *ret_revision) {
  int64_t revision, current = store_revision(api->store);
  int rc = read_revision(call, query->resource_version, &revision);
  *ret_revision = current;
  if (rc)
    return rc;
  if (revision > current)
    return too_new(call, revision, current);
  bool exact = str_eq_z(query->version_match, "Exact") ||
               (query->limit > 0 && revision && query->version_match.len == 0);
  if (!exact)
    return RC_OK;
  if (revision < store_exact(api->store))
    return api_fail(call, 410, "Expired", "The resourceVersion for the provided list is too old.");
  *ret_revision = revision;
  return RC_OK;
}

static void write_list_head(struct page *page, int64_t revision, int64_t remaining,
                            struct buf *out) {
  const struct read_request *request = page->request;
  struct arena *arena = page->call->arena;
  struct json *meta = json_new_object(arena);
  json_put_string(arena, meta, "resourceVersion", arena_printf(arena, "%lld", (long long)revision));
  if (page->more) {
    struct str text = arena_printf(arena, "%lld/%.*s/%.*s", (long long)revision,
                                   STR_ARG(page->last.ns), STR_ARG(page->last.name));
    json_put_string(arena, meta, "continue", base64_encode(arena, text));
    if (remaining > 0)
      json_put_int(arena, meta, "remainingItemCount", remaining);
  }
  if (request->include == TABLE_OFF) {
    struct str api_version = kind_api_version(request->kind, request->version, arena);
    struct str list = request->kind->list_kind ? str_of(request->kind->list_kind)
                                               : arena_printf(arena, "%sList", request->kind->kind);
    buf_addf(out, "{\"kind\":\"%.*s\",\"apiVersion\":\"%.*s\",\"metadata\":", STR_ARG(list),
             STR_ARG(api_version));
    json_write(out, meta);
    buf_add_z(out, ",\"items\":[");
    return;
  }
  if (request->include == TABLE_PARTIAL) {
    buf_add_z(out, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\","
                   "\"metadata\":");
    json_write(out, meta);
    buf_add_z(out, ",\"items\":[");
    return;
  }
  struct json *table = table_new(request->kind, "meta.k8s.io/v1", true, arena);
  buf_add_z(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
  json_write(out, meta);
  buf_add_z(out, ",\"columnDefinitions\":");
  json_write(out, json_get(table, "columnDefinitions"));
  buf_add_z(out, ",\"rows\":[");
}

int read_list(struct api *api, struct api_call *call, const struct read_request *request,
              struct buf *out) {
  const struct rest_query *query = request->query;
  struct page page = {.call = call, .request = request};
  struct store_key after = {.ns = STR(""), .name = STR("")};
  int64_t revision = store_revision(api->store);
  int rc = read_check_options(call, query);
  if (!rc)
    rc = read_filter(call, request->kind, request->ns, STR(""), query, &page.filter);
  if (!rc && query->continue_token.len)
    rc = read_token(api, call, query->continue_token, &revision, &after);
  else if (!rc)
    rc = choose_revision(api, call, query, &revision);
  if (rc)
    return rc;
  page.limit = query->limit > 0 ? query->limit : 0;
  if (page.limit > READ_LIMIT_MAX)
    page.limit = READ_LIMIT_MAX;
  arena_init(&page.arena);
  buf_init(&page.items, READ_LIST_BYTES);
  struct err err;
  struct str resource = api_resource_name(call->arena, request->kind);
  rc = store_list_at(api->store, revision, resource, page.filter.ns, after, take_row, &page, &err);
  if (rc)
    rc = api_fail_err(call, &err);
  else if (page.items.failed)
    rc = api_fail(call, 413, "RequestEntityTooLarge",
                  "the list is over %u bytes; ask with limit=", READ_LIST_BYTES);
  if (!rc) {
    int64_t remaining = page.more && api_filter_is_empty(&page.filter)
                            ? store_count(api->store, resource, page.filter.ns, page.last)
                            : 0;
    write_list_head(&page, revision, remaining, out);
    buf_add_str(out, buf_str(&page.items));
    buf_add_z(out, "]}");
  }
  buf_dispose(&page.items);
  arena_dispose(&page.arena);
  return rc;
}
