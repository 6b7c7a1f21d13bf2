// SPDX-License-Identifier: Apache-2.0
#include "analysis/prometheus.h"

#include "manifests/base/buf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_MIN 4u   // bytes
#define TEXT_SHOWN 200u // bytes of a foreign text that are repeated in a message

static struct prom_result *result_error(struct arena *arena, struct str why) {
  struct prom_result *result = ARENA_NEW(arena, struct prom_result);
  result->status = PROM_ERROR;
  result->error = arena_str(arena, why);
  return result;
}

struct prom_result *prom_failed(struct arena *arena, struct str why) {
  return result_error(arena, why);
}

// Prometheus writes numbers as strings, as Go's strconv does.
static bool parse_value(struct str text, double *ret_value) {
  if (str_eq(text, STR("NaN"))) {
    *ret_value = NAN;
    return true;
  }
  if (str_eq(text, STR("+Inf")) || str_eq(text, STR("Inf"))) {
    *ret_value = INFINITY;
    return true;
  }
  if (str_eq(text, STR("-Inf"))) {
    *ret_value = -INFINITY;
    return true;
  }
  return str_to_double(text, ret_value);
}

// [seconds, "value"]
static bool parse_point(const struct json *pair, struct prom_point *ret_point) {
  const struct json *at = json_at(pair, 0), *value = json_at(pair, 1);
  if (!json_is(pair, JSON_ARRAY) || pair->count != 2 || !json_is(value, JSON_STRING))
    return false;
  double seconds = json_number(at, NAN);
  // 9e12 s is far beyond any time stamp, and well within 64 bits of milliseconds.
  if (!(fabs(seconds) < 9e12))
    return false;
  ret_point->at_ms = llround(seconds * 1000);
  return parse_value(value->string, &ret_point->value);
}

static int label_order(const void *a, const void *b) {
  const struct prom_label *x = a, *y = b;
  return str_cmp(x->name, y->name);
}

static bool parse_labels(const struct json *metric, struct arena *arena,
                         struct prom_series *series) {
  if (!metric)
    return true;
  if (!json_is(metric, JSON_OBJECT))
    return false;
  struct prom_label *labels = ARENA_ARRAY(arena, struct prom_label, metric->count + 1);
  size_t count = 0;
  JSON_EACH(label, metric) {
    if (label->type != JSON_STRING)
      return false;
    labels[count++] = (struct prom_label){label->key, label->string};
  }
  qsort(labels, count, sizeof(*labels), label_order);
  series->labels = labels;
  series->label_count = count;
  return true;
}

static bool parse_series(const struct json *item, enum prom_type type, struct arena *arena,
                         struct prom_series *series) {
  if (!json_is(item, JSON_OBJECT) || !parse_labels(json_get(item, "metric"), arena, series))
    return false;
  series->native_histogram = json_get(item, "histogram") || json_get(item, "histograms");
  const struct json *value = json_get(item, type == PROM_VECTOR ? "value" : "values");
  if (!value)
    return series->native_histogram;
  size_t count = type == PROM_VECTOR ? 1 : value->count;
  struct prom_point *points = ARENA_ARRAY(arena, struct prom_point, count + 1);
  if (type == PROM_VECTOR) {
    if (!parse_point(value, &points[0]))
      return false;
  } else {
    if (value->type != JSON_ARRAY)
      return false;
    size_t i = 0;
    JSON_EACH(pair, value) {
      if (!parse_point(pair, &points[i]) || (i && points[i].at_ms < points[i - 1].at_ms))
        return false;
      i++;
    }
  }
  series->points = points;
  series->point_count = count;
  return true;
}

static struct prom_result *parse_list(const struct json *list, struct prom_result *result,
                                      struct arena *arena) {
  if (!json_is(list, JSON_ARRAY))
    return result_error(arena, STR("Prometheus answered without a list of results"));
  result->series = ARENA_ARRAY(arena, struct prom_series, list->count + 1);
  size_t i = 0;
  bool any = false;
  JSON_EACH(item, list) {
    if (!parse_series(item, result->type, arena, &result->series[i]))
      return result_error(arena,
                          arena_printf(arena,
                                       "Prometheus answered with a series that cannot be read "
                                       "(number %zu of %zu)",
                                       i + 1, list->count));
    any = any || result->series[i].point_count || result->series[i].native_histogram;
    i++;
  }
  result->series_count = i;
  result->status = any ? PROM_DATA : PROM_NO_DATA;
  return result;
}

static struct prom_result *parse_single(const struct json *pair, struct prom_result *result,
                                        struct arena *arena) {
  if (result->type == PROM_STRING) {
    if (!json_is(pair, JSON_ARRAY) || pair->count != 2 || !json_is(json_at(pair, 1), JSON_STRING))
      return result_error(arena, STR("Prometheus answered with a string that cannot be read"));
    result->text = json_at(pair, 1)->string;
    result->status = PROM_DATA;
    return result;
  }
  struct prom_point *point = ARENA_NEW(arena, struct prom_point);
  if (!parse_point(pair, point))
    return result_error(arena, STR("Prometheus answered with a scalar that cannot be read"));
  result->series = ARENA_NEW(arena, struct prom_series);
  result->series->points = point;
  result->series->point_count = 1;
  result->series_count = 1;
  result->status = PROM_DATA;
  return result;
}

static struct str join_warnings(const struct json *reply, struct arena *arena) {
  struct str all = STR("");
  JSON_EACH(warning, json_get(reply, "warnings")) {
    struct str text = str_slice(json_string(warning), 0, TEXT_SHOWN);
    all = arena_printf(arena, "%.*s%s%.*s", STR_ARG(all), all.len ? "; " : "", STR_ARG(text));
    if (all.len > 4 * TEXT_SHOWN)
      break;
  }
  return all;
}

static struct prom_result *parse_error(int http_status, const struct json *reply,
                                       struct arena *arena) {
  struct str type = json_get_string(reply, "errorType");
  struct str error = str_slice(json_get_string(reply, "error"), 0, 2 * TEXT_SHOWN);
  if (str_is_empty(error))
    return result_error(arena,
                        arena_printf(arena, "Prometheus answered %d without data", http_status));
  return result_error(arena, arena_printf(arena, "Prometheus refused the query: %.*s%s%.*s",
                                          STR_ARG(type), type.len ? ": " : "", STR_ARG(error)));
}

// A reply that is no JSON comes from something between us and Prometheus. Its control bytes are not
// repeated.
static struct prom_result *not_json(int http_status, struct str body, struct arena *arena) {
  struct str shown = arena_str(arena, str_slice(str_trim(body), 0, TEXT_SHOWN / 2));
  char *bytes = arena_dup(arena, shown.ptr, shown.len + 1);
  for (size_t i = 0; i < shown.len; i++)
    if ((unsigned char)bytes[i] < 0x20 || (unsigned char)bytes[i] >= 0x7f)
      bytes[i] = ' ';
  if (http_status == 401 || http_status == 403)
    return result_error(arena, arena_printf(arena, "the credentials are refused: answer %d%s%s%s",
                                            http_status, shown.len ? ": \"" : "", bytes,
                                            shown.len ? "\"" : ""));
  return result_error(arena,
                      arena_printf(arena, "answer %d is not from Prometheus: %s%s%s", http_status,
                                   shown.len ? "\"" : "it is empty", bytes, shown.len ? "\"" : ""));
}

static struct prom_result *too_large(struct arena *arena, const char *why) {
  struct prom_result *result =
      result_error(arena, arena_printf(arena, "Prometheus' answer is too large: %s", why));
  result->too_large = true;
  return result;
}

struct prom_result *prom_parse(int http_status, struct str body, struct arena *arena) {
  struct json *reply = NULL;
  struct err err = {0};
  int rc = json_parse(body, arena, &reply, &err);
  if (rc == RC_LIMIT)
    return too_large(arena, err.msg);
  if (rc != 0 || !json_is(reply, JSON_OBJECT))
    return not_json(http_status, body, arena);
  struct str status = json_get_string(reply, "status");
  if (!str_eq(status, STR("success")) || http_status / 100 != 2)
    return parse_error(http_status, reply, arena);
  const struct json *data = json_get(reply, "data");
  struct str type = json_get_string(data, "resultType");
  static const char *const NAMES[] = {"vector", "matrix", "scalar", "string"};
  struct prom_result *result = ARENA_NEW(arena, struct prom_result);
  result->warnings = join_warnings(reply, arena);
  size_t kind = 0;
  while (kind < 4 && !str_eq_z(type, NAMES[kind]))
    kind++;
  if (kind == 4)
    return result_error(arena, arena_printf(arena,
                                            "Prometheus answered with the unknown result type "
                                            "\"%.*s\"",
                                            STR_ARG(str_slice(type, 0, TEXT_SHOWN))));
  result->type = (enum prom_type)kind;
  const struct json *list = json_get(data, "result");
  if (result->type == PROM_VECTOR || result->type == PROM_MATRIX)
    return parse_list(list, result, arena);
  return parse_single(list, result, arena);
}

// `text` with "***" in place of each `secret`; `text` itself where there is none. Very short
// secrets are left: they would be found in any text.
static struct str hide(struct str text, struct str secret, struct arena *arena) {
  struct buf out;
  size_t from = 0;
  if (secret.len < SECRET_MIN || !str_contains(text, secret))
    return text;
  buf_init(&out, text.len + 1);
  for (size_t i = 0; i + secret.len <= text.len;) {
    if (memcmp(text.ptr + i, secret.ptr, secret.len) != 0) {
      i++;
      continue;
    }
    buf_add_str(&out, str_slice(text, from, i));
    buf_add_z(&out, "***");
    from = i += secret.len;
  }
  buf_add_str(&out, str_slice(text, from, text.len));
  struct str hidden = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return hidden;
}

struct prom_result *prom_parse_hiding(int http_status, struct str body, const struct str *secrets,
                                      size_t count, struct arena *arena) {
  struct prom_result *result = prom_parse(http_status, body, arena);
  struct str hidden = body;
  // Data are not shown word by word. In the body, since a message may have only part of a secret.
  for (size_t i = 0; (result->status == PROM_ERROR || result->warnings.len) && i < count; i++)
    hidden = hide(hidden, secrets[i], arena);
  return hidden.ptr == body.ptr ? result : prom_parse(http_status, hidden, arena);
}

static int order_by(const void *a, const void *b, void *label) {
  const struct str *name = label;
  return str_cmp(prom_label(a, *name), prom_label(b, *name));
}

void prom_sort(struct prom_result *result, struct str label) {
  if (result->series_count)
    qsort_r(result->series, result->series_count, sizeof *result->series, order_by, &label);
  result->sorted_by = label;
}

// The first series whose value is not below `value` (or, with `after`, is above it).
static size_t bound_of(const struct prom_result *result, struct str label, struct str value,
                       bool after) {
  size_t low = 0, high = result->series_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = str_cmp(prom_label(&result->series[middle], label), value);
    if (order < 0 || (after && order == 0))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void prom_range(const struct prom_result *result, struct str label, struct str value,
                size_t *ret_from, size_t *ret_to) {
  bool sorted = result->sorted_by.len && str_eq(result->sorted_by, label);
  *ret_from = sorted ? bound_of(result, label, value, false) : 0;
  *ret_to = sorted ? bound_of(result, label, value, true) : result->series_count;
}

struct str prom_label(const struct prom_series *series, struct str name) {
  size_t low = 0, high = series->label_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = str_cmp(series->labels[middle].name, name);
    if (order == 0)
      return series->labels[middle].value;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return STR("");
}

struct prom_reading prom_read(const struct prom_result *result, struct arena *arena) {
  if (!result)
    return (struct prom_reading){.kind = READING_ERROR, .why = STR("the query was not asked")};
  struct prom_reading reading = {.series = result->series_count};
  if (result->status == PROM_ERROR) {
    reading.kind = READING_ERROR;
    reading.why = result->error;
  } else if (result->status == PROM_NO_DATA) {
    reading.kind = READING_NO_DATA;
    reading.why = STR("the query matched no series");
  } else if (result->type == PROM_STRING) {
    reading.kind = READING_ERROR;
    reading.why = STR("the query gives a string, not a number");
  } else if (result->series_count > 1) {
    reading.kind = READING_MANY;
    reading.why = arena_printf(arena,
                               "the query gives %zu series where one number is needed: "
                               "put sum() or max() around it",
                               result->series_count);
  } else if (!result->series[0].point_count) {
    reading.kind = READING_ERROR;
    reading.why = STR("the query gives a native histogram, not a number");
  } else {
    const struct prom_series *series = &result->series[0];
    reading.value = series->points[series->point_count - 1].value;
    if (isnan(reading.value)) {
      reading.kind = READING_NAN;
      reading.why = STR("the query gives NaN, as a division by zero does");
    }
  }
  return reading;
}
