// SPDX-License-Identifier: Apache-2.0
#include "analysis/query.h"

#include "analysis/template.h"
#include "manifests/base/bug.h"
#include "manifests/base/buf.h"

#define QUERY_MAX_BYTES (512u << 10) // of one query; names of at most 253 bytes stay far below
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
  struct str items[2 * QUERY_BATCH + 1]; // two for each subject, and "unknown"
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
  size_t count, batch;
  struct arena *arena;
  struct query_plan plan;
  size_t capacity;
};

// --- which item answers for whom ---

static size_t slot_of(const struct query_plan *plan, enum query_kind kind,
                      const struct subject *subject, size_t metric) {
  uint64_t hash = (uint64_t)(uintptr_t)subject >> 4;
  hash = (hash ^ (uint64_t)kind ^ ((uint64_t)metric << 8)) * 0x9e3779b97f4a7c15u;
  return (size_t)(hash >> 32) & (plan->lookup_size - 1);
}

static bool is_custom(enum query_kind kind) {
  return kind == QUERY_CUSTOM || kind == QUERY_CUSTOM_STABLE;
}

static bool answers(const struct query_plan *plan, size_t index, enum query_kind kind,
                    const struct subject *subject, size_t metric) {
  const struct query_item *item = &plan->items[index];
  if (item->kind != kind)
    return false;
  if (is_custom(kind))
    return item->subject == subject && item->metric == metric;
  for (size_t m = 0; m < item->member_count; m++)
    if (item->members[m] == subject)
      return true;
  return false;
}

static void remember(struct planner *planner, enum query_kind kind, const struct subject *subject,
                     size_t metric, size_t index) {
  size_t slot = slot_of(&planner->plan, kind, subject, metric);
  while (planner->plan.lookup[slot])
    slot = (slot + 1) & (planner->plan.lookup_size - 1);
  planner->plan.lookup[slot] = index + 1;
}

static void make_lookup(struct planner *planner) {
  size_t entries = 0, size = 16;
  for (size_t i = 0; i < planner->count; i++)
    entries += 3 + 2 * planner->subjects[i]->metric_count;
  while (size < 2 * entries)
    size *= 2;
  planner->plan.lookup = ARENA_ARRAY(planner->arena, size_t, size);
  planner->plan.lookup_size = size;
}

// --- the questions ---

static struct query_item *planner_push(struct planner *planner) {
  void *items = planner->plan.items;
  struct query_item *item =
      arena_push(planner->arena, &items, &planner->plan.count, &planner->capacity, sizeof *item);
  planner->plan.items = items;
  return item;
}

static bool is_wanted(enum query_kind kind, const struct subject *subject) {
  return kind == QUERY_BUCKETS ? wants_buckets(subject)
                               : kind != QUERY_HISTORY || subject->wants_history;
}

// {reporter="source",destination_service=~"...",destination_version=~"..."}
static struct str selector_text(const struct subject *first, const struct values *services,
                                const struct values *versions, struct arena *arena) {
  struct buf out;
  struct str text = STR_NULL;
  buf_init(&out, QUERY_MAX_BYTES);
  (void)buf_addf(&out, "{reporter=\"%.*s\",", STR_ARG(query_quote(subject_reporter(first), arena)));
  add_matcher(&out, STR("destination_service"), services, arena);
  (void)buf_add_char(&out, ',');
  add_matcher(&out, subject_label(first), versions, arena);
  (void)buf_add_char(&out, '}');
  if (!out.failed)
    text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

// The increase is Prometheus' own here: an estimate will do for what only tunes the judge.
static struct str history_text(struct str selector, struct str label, struct arena *arena) {
  return arena_printf(
      arena,
      "sum by (reporter,destination_service,%.*s,response_code,grpc_response_status,"
      "response_flags) (increase(istio_requests_total%.*s[%ds])) or "
      "sum by (reporter,destination_service,%.*s,le) "
      "(increase(istio_request_duration_milliseconds_bucket%.*s[%ds]))",
      STR_ARG(label), STR_ARG(selector), QUERY_HISTORY_S, STR_ARG(label), STR_ARG(selector),
      QUERY_HISTORY_S);
}

static struct str series_text(const struct planner *planner, enum query_kind kind,
                              const struct subject *first, struct str selector) {
  if (!selector.len || kind == QUERY_HISTORY)
    return selector.len ? history_text(selector, subject_label(first), planner->arena) : selector;
  return arena_printf(planner->arena, "%s%.*s[%llds]",
                      kind == QUERY_REQUESTS ? "istio_requests_total"
                                             : "istio_request_duration_milliseconds_bucket",
                      STR_ARG(selector), (long long)(planner->plan.window_ms / 1000));
}

// One query over the subjects whose `group` is this one, starting at *at; moves *at behind the last
// one taken.
static void plan_series(struct planner *planner, enum query_kind kind, const size_t *groups,
                        size_t group, size_t *at) {
  const struct subject *first = NULL;
  struct values services = {.count = 0}, versions = {.count = 0};
  size_t taken = 0;
  const struct subject **members =
      ARENA_ARRAY(planner->arena, const struct subject *, planner->batch);
  for (; *at < planner->count && taken < planner->batch; (*at)++) {
    const struct subject *subject = planner->subjects[*at];
    if (groups[*at] != group || !is_wanted(kind, subject))
      continue;
    values_add(&services, subject->service);
    values_add(&services, subject->canary_service);
    if (kind != QUERY_HISTORY)
      values_add(&versions, subject->canary);
    values_add(&versions, subject->stable);
    remember(planner, kind, subject, 0, planner->plan.count);
    first = first ? first : subject;
    members[taken++] = subject;
  }
  if (!taken)
    return;
  // Requests for which no endpoint was found bear this version.
  if (kind == QUERY_REQUESTS)
    values_add(&versions, STR("unknown"));
  struct query_item *item = planner_push(planner);
  item->kind = kind;
  item->members = members;
  item->member_count = taken;
  item->text =
      series_text(planner, kind, first, selector_text(first, &services, &versions, planner->arena));
  if (!item->text.len)
    item->result = prom_failed(planner->arena, STR("the query for these rollouts is too long"));
}

// groups[i]: the first subject with the same label and reporter as subject i.
static void plan_groups(struct planner *planner) {
  static const enum query_kind KINDS[] = {QUERY_REQUESTS, QUERY_BUCKETS, QUERY_HISTORY};
  size_t *groups = ARENA_ARRAY(planner->arena, size_t, planner->count + 1);
  size_t *leaders = ARENA_ARRAY(planner->arena, size_t, planner->count + 1);
  size_t leader_count = 0;
  for (size_t i = 0; i < planner->count; i++) {
    const struct subject *subject = planner->subjects[i];
    size_t g = 0;
    while (g < leader_count &&
           (!str_eq(subject_label(planner->subjects[leaders[g]]), subject_label(subject)) ||
            !str_eq(subject_reporter(planner->subjects[leaders[g]]), subject_reporter(subject))))
      g++;
    if (g == leader_count)
      leaders[leader_count++] = i;
    groups[i] = leaders[g];
  }
  for (size_t g = 0; g < leader_count; g++)
    for (size_t k = 0; k < ARRAY_LEN(KINDS); k++)
      for (size_t at = leaders[g]; at < planner->count;)
        plan_series(planner, KINDS[k], groups, leaders[g], &at);
}

static void plan_custom_one(struct planner *planner, enum query_kind kind,
                            const struct subject *subject, size_t metric, struct str query) {
  remember(planner, kind, subject, metric, planner->plan.count);
  struct query_item *item = planner_push(planner);
  *item = (struct query_item){.kind = kind, .subject = subject, .metric = metric};
  struct err err = {0};
  if (template_render_subject(query, subject, planner->arena, &item->text, &err) != 0)
    item->result = prom_failed(planner->arena, str_of(err.msg));
}

static void plan_custom(struct planner *planner, const struct subject *subject) {
  for (size_t i = 0; i < subject->metric_count; i++) {
    const struct metric_spec *metric = &subject->metrics[i];
    if (metric->kind != METRIC_CUSTOM)
      continue;
    plan_custom_one(planner, QUERY_CUSTOM, subject, i, metric->query);
    if (metric->stable_query.len)
      plan_custom_one(planner, QUERY_CUSTOM_STABLE, subject, i, metric->stable_query);
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
  struct planner planner = {
      .subjects = subjects, .count = count, .batch = options->batch, .arena = arena};
  if (!planner.batch || planner.batch > QUERY_BATCH)
    planner.batch = QUERY_BATCH;
  planner.plan.window_ms = window_ms(options);
  if (!count)
    return planner.plan;
  make_lookup(&planner);
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

void query_plan_seal(struct query_plan *plan, struct arena *arena) {
  struct scrapes *scrapes = scrapes_new(arena);
  for (size_t i = 0; i < plan->count; i++) {
    const struct query_item *item = &plan->items[i];
    if (item->kind == QUERY_SCRAPES)
      scrapes_add_up(scrapes, item->result);
    else if (item->kind == QUERY_REQUESTS || item->kind == QUERY_BUCKETS)
      scrapes_add(scrapes, item->result);
  }
  scrapes_seal(scrapes);
  plan->scrapes = scrapes;
}

const struct query_item *query_plan_find(const struct query_plan *plan, enum query_kind kind,
                                         const struct subject *subject, size_t metric) {
  if (kind == QUERY_SCRAPES)
    return plan->count ? &plan->items[0] : NULL;
  if (!plan->lookup_size)
    return NULL;
  if (!is_custom(kind))
    metric = 0;
  size_t slot = slot_of(plan, kind, subject, metric);
  for (; plan->lookup[slot]; slot = (slot + 1) & (plan->lookup_size - 1))
    if (answers(plan, plan->lookup[slot] - 1, kind, subject, metric))
      return &plan->items[plan->lookup[slot] - 1];
  return NULL;
}
