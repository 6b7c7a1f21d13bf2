// SPDX-License-Identifier: Apache-2.0
#include "analysis/query.h"

#include "analysis/template.h"
#include "manifests/base/buf.h"

#define QUERY_SUBJECTS_MAX 50u       // subjects in one query: keeps its regular expressions small
#define QUERY_MAX_BYTES (256u << 10) // of one query; names of at most 253 bytes stay far below
#define DEFAULT_MARGIN_MS (2 * 60000)
#define DEFAULT_LABEL STR("destination_version")

struct str query_quote(struct str value, struct arena *arena) {
  char *out = arena_alloc(arena, value.len * 2 + 1);
  size_t len = 0;
  for (size_t i = 0; i < value.len; i++) {
    char c = value.ptr[i];
    if (c == '\\' || c == '"' || c == '\n')
      out[len++] = '\\';
    out[len++] = c == '\n' ? 'n' : c;
  }
  return (struct str){out, len};
}

struct str query_regex_escape(struct str text, struct arena *arena) {
  char *out = arena_alloc(arena, text.len * 2 + 1);
  size_t len = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (str_find_char(STR("\\.+*?()|[]{}^$"), text.ptr[i]) >= 0)
      out[len++] = '\\';
    out[len++] = text.ptr[i];
  }
  return (struct str){out, len};
}

// The distinct values of one label, as they go into one matcher.
struct values {
  struct str items[2 * QUERY_SUBJECTS_MAX + 1];
  size_t count;
};

static void values_add(struct values *values, struct str value) {
  if (str_is_empty(value))
    return;
  for (size_t i = 0; i < values->count; i++)
    if (str_eq(values->items[i], value))
      return;
  values->items[values->count++] = value;
}

static void add_matcher(struct buf *out, struct str label, const struct values *values,
                        struct arena *arena) {
  bool one = values->count == 1;
  (void)buf_addf(out, "%.*s%s\"", STR_ARG(label), one ? "=" : "=~");
  for (size_t i = 0; i < values->count; i++) {
    struct str value = values->items[i];
    if (!one)
      value = query_regex_escape(value, arena);
    value = query_quote(value, arena);
    (void)buf_addf(out, "%s%.*s", i ? "|" : "", STR_ARG(value));
  }
  (void)buf_add_char(out, '"');
}

static struct str subject_label(const struct subject *subject) {
  return str_is_empty(subject->label) ? DEFAULT_LABEL : subject->label;
}

static struct str subject_reporter(const struct subject *subject) {
  return str_is_empty(subject->reporter) ? STR("source") : subject->reporter;
}

static bool wants_buckets(const struct subject *subject) {
  for (size_t i = 0; i < subject->metric_count; i++)
    if (subject->metrics[i].kind == METRIC_LATENCY)
      return true;
  return false;
}

struct planner {
  const struct subject *const *subjects;
  size_t count;
  struct arena *arena;
  struct query_plan plan;
  size_t capacity;
};

static struct query_item *planner_push(struct planner *planner) {
  void *items = planner->plan.items;
  struct query_item *item =
      arena_push(planner->arena, &items, &planner->plan.count, &planner->capacity, sizeof *item);
  planner->plan.items = items;
  return item;
}

// One query over the subjects whose `group` is this one, starting at *at; moves *at behind the last
// one taken.
static void plan_series(struct planner *planner, enum query_kind kind, const size_t *groups,
                        size_t group, size_t *at) {
  const struct subject *first = planner->subjects[group];
  struct values services = {0}, versions = {0};
  size_t taken = 0;
  const struct subject **members =
      ARENA_ARRAY(planner->arena, const struct subject *, QUERY_SUBJECTS_MAX);
  for (; *at < planner->count && taken < QUERY_SUBJECTS_MAX; (*at)++) {
    const struct subject *subject = planner->subjects[*at];
    if (groups[*at] != group || (kind == QUERY_BUCKETS && !wants_buckets(subject)))
      continue;
    values_add(&services, subject->service);
    values_add(&versions, subject->canary);
    values_add(&versions, subject->stable);
    members[taken++] = subject;
  }
  if (!taken)
    return;
  // Requests for which no endpoint was found bear this version.
  if (kind == QUERY_REQUESTS)
    values_add(&versions, STR("unknown"));
  struct arena *arena = planner->arena;
  struct buf out;
  buf_init(&out, QUERY_MAX_BYTES);
  struct str reporter = query_quote(subject_reporter(first), arena);
  (void)buf_addf(&out, "%s{reporter=\"%.*s\",",
                 kind == QUERY_REQUESTS ? "istio_requests_total"
                                        : "istio_request_duration_milliseconds_bucket",
                 STR_ARG(reporter));
  add_matcher(&out, STR("destination_service"), &services, arena);
  (void)buf_add_char(&out, ',');
  add_matcher(&out, subject_label(first), &versions, arena);
  (void)buf_addf(&out, "}[%llds]", (long long)(planner->plan.window_ms / 1000));
  struct query_item *item = planner_push(planner);
  item->kind = kind;
  item->members = members;
  item->member_count = taken;
  if (out.failed)
    item->result = prom_failed(arena, STR("the query for these rollouts is too long"));
  else
    item->text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
}

// groups[i]: the first subject with the same label and reporter as subject i.
static void plan_groups(struct planner *planner) {
  size_t *groups = ARENA_ARRAY(planner->arena, size_t, planner->count + 1);
  for (size_t i = 0; i < planner->count; i++) {
    const struct subject *subject = planner->subjects[i];
    groups[i] = 0;
    while (!str_eq(subject_label(planner->subjects[groups[i]]), subject_label(subject)) ||
           !str_eq(subject_reporter(planner->subjects[groups[i]]), subject_reporter(subject)))
      groups[i]++;
  }
  for (size_t group = 0; group < planner->count; group++) {
    if (groups[group] != group)
      continue;
    for (size_t at = group; at < planner->count;)
      plan_series(planner, QUERY_REQUESTS, groups, group, &at);
    for (size_t at = group; at < planner->count;)
      plan_series(planner, QUERY_BUCKETS, groups, group, &at);
  }
}

static void plan_custom(struct planner *planner, const struct subject *subject) {
  for (size_t i = 0; i < subject->metric_count; i++) {
    if (subject->metrics[i].kind != METRIC_CUSTOM)
      continue;
    struct query_item *item = planner_push(planner);
    *item = (struct query_item){.kind = QUERY_CUSTOM, .subject = subject, .metric = i};
    struct err err = {0};
    if (template_render_subject(subject->metrics[i].query, subject, planner->arena, &item->text,
                                &err) != 0)
      item->result = prom_failed(planner->arena, str_of(err.msg));
  }
}

static int64_t window_ms(const struct query_options *options) {
  int64_t margin = options->margin_ms > 0 ? options->margin_ms : DEFAULT_MARGIN_MS;
  int64_t window = margin;
  if (options->counted_until_ms > 0 && options->now_ms > options->counted_until_ms)
    window += options->now_ms - options->counted_until_ms;
  if (window > QUERY_WINDOW_MAX_MS)
    window = QUERY_WINDOW_MAX_MS;
  return (window + 999) / 1000 * 1000;
}

struct query_plan query_plan_make(const struct subject *const *subjects, size_t count,
                                  const struct query_options *options, struct arena *arena) {
  struct planner planner = {.subjects = subjects, .count = count, .arena = arena};
  planner.plan.window_ms = window_ms(options);
  if (!count)
    return planner.plan;
  struct query_item *item = planner_push(&planner);
  item->kind = QUERY_SCRAPES;
  struct str match = options->scrape_match;
  item->text = arena_printf(arena, "up%s%.*s%s[%llds]", match.len ? "{" : "", STR_ARG(match),
                            match.len ? "}" : "", (long long)(planner.plan.window_ms / 1000));
  plan_groups(&planner);
  for (size_t i = 0; i < count; i++)
    plan_custom(&planner, subjects[i]);
  return planner.plan;
}

const struct query_item *query_plan_find(const struct query_plan *plan, enum query_kind kind,
                                         const struct subject *subject, size_t metric) {
  for (size_t i = 0; i < plan->count; i++) {
    const struct query_item *item = &plan->items[i];
    if (item->kind != kind)
      continue;
    if (kind == QUERY_SCRAPES ||
        (kind == QUERY_CUSTOM && item->subject == subject && item->metric == metric))
      return item;
    for (size_t m = 0; m < item->member_count; m++)
      if (item->members[m] == subject)
        return item;
  }
  return NULL;
}
