// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rest_path.h"
#include "manifests/base/bug.h"

#include <stddef.h>
#include <string.h>

#define SEGMENTS_MAX 12u

static int hex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

// %XX, and + as a space in queries. False on a bad escape or a NUL.
static bool unescape(struct arena *arena, struct str text, bool plus, struct str *ret_text) {
  char *out = arena_alloc(arena, text.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == '%') {
      int high = i + 2 < text.len ? hex(text.ptr[i + 1]) : -1;
      int low = i + 2 < text.len ? hex(text.ptr[i + 2]) : -1;
      if (high < 0 || low < 0)
        return false;
      c = (char)(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus) {
      c = ' ';
    }
    if (c == '\0')
      return false;
    out[len++] = c;
  }
  *ret_text = (struct str){out, len};
  return true;
}

enum query_type { QUERY_STRING, QUERY_BOOL, QUERY_INT };

struct query_row {
  const char *name;
  enum query_type type;
  size_t offset;
};

#define ROW(name, type, member)                                                                    \
  { name, type, offsetof(struct rest_query, member) }
static const struct query_row query_rows[] = {
    ROW("watch", QUERY_BOOL, watch),
    ROW("follow", QUERY_BOOL, follow),
    ROW("force", QUERY_BOOL, force),
    ROW("previous", QUERY_BOOL, previous),
    ROW("timestamps", QUERY_BOOL, timestamps),
    ROW("allowWatchBookmarks", QUERY_BOOL, allow_bookmarks),
    ROW("sendInitialEvents", QUERY_BOOL, send_initial_events),
    ROW("labelSelector", QUERY_STRING, label_selector),
    ROW("fieldSelector", QUERY_STRING, field_selector),
    ROW("resourceVersion", QUERY_STRING, resource_version),
    ROW("resourceVersionMatch", QUERY_STRING, version_match),
    ROW("continue", QUERY_STRING, continue_token),
    ROW("fieldManager", QUERY_STRING, field_manager),
    ROW("fieldValidation", QUERY_STRING, field_validation),
    ROW("dryRun", QUERY_STRING, dry_run),
    ROW("includeObject", QUERY_STRING, include_object),
    ROW("propagationPolicy", QUERY_STRING, propagation),
    ROW("container", QUERY_STRING, container),
    ROW("sinceTime", QUERY_STRING, since_time),
    ROW("limit", QUERY_INT, limit),
    ROW("timeoutSeconds", QUERY_INT, timeout_seconds),
    ROW("gracePeriodSeconds", QUERY_INT, grace_seconds),
    ROW("tailLines", QUERY_INT, tail_lines),
    ROW("sinceSeconds", QUERY_INT, since_seconds),
    ROW("limitBytes", QUERY_INT, limit_bytes),
};

static int set_value(struct rest_query *query, const struct query_row *row, struct str value,
                     struct err *err) {
  char *base = (char *)query;
  switch (row->type) {
  case QUERY_STRING: *(struct str *)(void *)(base + row->offset) = value; break;
  case QUERY_BOOL: {
    // As Go: anything but "", 0 and false is true ("watch" and "watch=1" too).
    bool no = str_eq_nocase(value, STR("false")) || str_eq_z(value, "0");
    *(bool *)(void *)(base + row->offset) = !no;
    if (row->offset == offsetof(struct rest_query, force))
      query->has_force = true;
    if (row->offset == offsetof(struct rest_query, send_initial_events))
      query->has_send_initial = true;
    break;
  }
  case QUERY_INT:
    if (!str_to_i64(value, (int64_t *)(void *)(base + row->offset)))
      return err_set(err, RC_PARSE,
                     "invalid value \"%.*s\" of the query parameter %s: not a whole number",
                     STR_ARG(value), row->name);
    break;
  }
  return RC_OK;
}

static int parse_query(struct str text, struct arena *arena, struct rest_query *query,
                       struct err *err) {
  *query = (struct rest_query){.limit = -1,
                               .timeout_seconds = -1,
                               .grace_seconds = -1,
                               .tail_lines = -1,
                               .since_seconds = -1,
                               .limit_bytes = -1};
  struct str pair;
  while (text.ptr && str_next(&text, '&', &pair)) {
    ptrdiff_t equals = str_find_char(pair, '=');
    size_t split = equals < 0 ? pair.len : (size_t)equals;
    struct str name, value;
    if (!unescape(arena, str_slice(pair, 0, split), true, &name) ||
        !unescape(arena, str_slice(pair, split + 1, pair.len), true, &value))
      return err_set(err, RC_PARSE, "invalid escape in the query");
    for (size_t i = 0; i < ARRAY_LEN(query_rows); i++) {
      if (!str_eq_z(name, query_rows[i].name))
        continue;
      int rc = set_value(query, &query_rows[i], value, err);
      if (rc)
        return rc;
    }
  }
  return RC_OK;
}

static size_t split_path(struct str text, struct arena *arena, struct str *segments,
                         bool *ret_bad) {
  size_t count = 0;
  struct str part;
  *ret_bad = false;
  while (text.ptr && str_next(&text, '/', &part)) {
    if (part.len == 0)
      continue;
    if (count == SEGMENTS_MAX || !unescape(arena, part, false, &segments[count])) {
      *ret_bad = true;
      return 0;
    }
    count++;
  }
  return count;
}

// What stands behind the group version.
static void parse_resource(const struct str *segments, size_t count, struct rest_path *path) {
  path->place = REST_UNKNOWN;
  if (count >= 3 && str_eq_z(segments[0], "namespaces") && !str_eq_z(segments[2], "status") &&
      !str_eq_z(segments[2], "finalize")) {
    path->ns = segments[1];
    path->namespaced = true;
    segments += 2;
    count -= 2;
  }
  if (count > 3)
    return;
  path->place = REST_RESOURCE;
  path->resource = segments[0];
  if (count > 1)
    path->name = segments[1];
  if (count > 2)
    path->subresource = segments[2];
}

static bool is_health(struct str segment) {
  return str_eq_z(segment, "livez") || str_eq_z(segment, "readyz") || str_eq_z(segment, "healthz");
}

static void parse_openapi(const struct str *segments, size_t count, struct rest_path *path) {
  if (count == 1 && str_eq_z(segments[0], "v2"))
    path->place = REST_OPENAPI_V2;
  if (count == 0 || !str_eq_z(segments[0], "v3"))
    return;
  if (count == 1)
    path->place = REST_OPENAPI_V3;
  bool core = count == 3 && str_eq_z(segments[1], "api");
  if (core || (count == 4 && str_eq_z(segments[1], "apis"))) {
    path->place = REST_OPENAPI_V3_DOC;
    path->group = core ? STR("") : segments[2];
    path->version = segments[count - 1];
  }
}

static void parse_place(const struct str *segments, size_t count, struct rest_path *path) {
  path->place = REST_UNKNOWN;
  if (count == 0)
    return;
  bool core = str_eq_z(segments[0], "api");
  if (is_health(segments[0])) {
    path->place = REST_LIVEZ;
  } else if (str_eq_z(segments[0], "version") && count == 1) {
    path->place = REST_VERSION;
  } else if (str_eq_z(segments[0], "openapi")) {
    parse_openapi(segments + 1, count - 1, path);
  } else if (core || str_eq_z(segments[0], "apis")) {
    size_t head = core ? 2 : 3; // segments up to the version
    path->group = !core && count > 1 ? segments[1] : STR("");
    path->version = count >= head ? segments[head - 1] : STR("");
    if (count == 1)
      path->place = core ? REST_API : REST_APIS;
    else if (count == head)
      path->place = REST_GROUP_VERSION;
    else if (count < head)
      path->place = REST_GROUP;
    else
      parse_resource(segments + head, count - head, path);
  }
}

int rest_path_parse(struct str url, struct arena *arena, struct rest_path *ret_path,
                    struct err *err) {
  struct rest_path path = {0};
  struct str segments[SEGMENTS_MAX];
  if (url.len > REST_URL_MAX)
    return err_set(err, RC_LIMIT, "the URL is longer than %u bytes", REST_URL_MAX);
  ptrdiff_t mark = str_find_char(url, '?');
  size_t end = mark < 0 ? url.len : (size_t)mark;
  bool bad;
  size_t count = split_path(str_slice(url, 0, end), arena, segments, &bad);
  if (bad)
    return err_set(err, RC_PARSE, "invalid path");
  parse_place(segments, count, &path);
  int rc =
      parse_query(mark < 0 ? STR_NULL : str_slice(url, end + 1, url.len), arena, &path.query, err);
  if (!rc)
    *ret_path = path;
  return rc;
}
