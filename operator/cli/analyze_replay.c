// SPDX-License-Identifier: Apache-2.0
#include "analysis/replay_line.h"
#include "manifests/base/alloc.h"
#include "operator/cli/analyze.h"
#include "operator/cli/print_object.h"
#include "operator/cli/table_text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES_MAX (256u << 20)
#define READ_SIZE 65536u
#define LINES_MAX 1000000u
#define DEFAULT_INTERVAL_S 5.0

struct replay_file {
  const char *name;
  struct replay_reader reader;
  struct replay_line *lines;
  size_t count, capacity;
};

static int read_all(const struct str path, struct buf *text, struct err *err) {
  bool standard = str_eq_z(path, "-");
  FILE *file = standard ? stdin : fopen(path.ptr, "rb");
  if (!file)
    return err_errno(err, "%s", path.ptr);
  int rc = RC_OK;
  size_t got = 0;
  do {
    char *room = buf_reserve(text, READ_SIZE);
    got = room ? fread(room, 1, READ_SIZE, file) : 0;
    text->len += got;
  } while (got > 0);
  if (text->failed)
    rc = err_set(err, RC_LIMIT, "%s is larger than %u bytes", path.ptr, FILE_BYTES_MAX);
  else if (ferror(file))
    rc = err_errno(err, "%s", path.ptr);
  if (!standard)
    fclose(file);
  return rc;
}

static int read_lines(struct replay_file *file, struct str text, struct err *err) {
  struct str part;
  while (str_next(&text, '\n', &part)) {
    struct replay_line line;
    int rc = replay_line_read(&file->reader, part, &line, err);
    if (rc)
      return err_wrap(err, rc, "%s:%zu", file->name, file->reader.line);
    if (line.blank)
      continue;
    if (file->count == LINES_MAX)
      return err_set(err, RC_LIMIT, "%s:%zu: more than %u lines", file->name, file->reader.line,
                     LINES_MAX);
    if (file->count == file->capacity) {
      file->capacity = file->capacity ? 2 * file->capacity : 256;
      file->lines = xrealloc(file->lines, file->capacity * sizeof *file->lines);
    }
    file->lines[file->count++] = line;
  }
  if (!file->reader.past_history)
    return err_set(err, RC_PARSE, "%s:%zu: there is no line to judge", file->name,
                   file->reader.line);
  return RC_OK;
}

static int compare(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

// What is usual between two lines: the median, so that a scrape that is missing changes nothing.
static double usual_interval(const struct replay_file *file) {
  double *gaps = xmalloc(file->count * sizeof *gaps), usual = DEFAULT_INTERVAL_S;
  size_t count = 0;
  for (size_t i = 1; i < file->count; i++)
    if (!file->lines[i - 1].history)
      gaps[count++] = file->lines[i].counts.at_s - file->lines[i - 1].counts.at_s;
  qsort(gaps, count, sizeof *gaps, compare);
  if (count)
    usual = gaps[count / 2];
  xfree(gaps);
  return usual;
}

// --- output ---

static const char *test_name(const struct replay_file *file, size_t test, char *ret_name,
                             size_t size) {
  if (test == 0)
    snprintf(ret_name, size, "errors");
  else
    snprintf(ret_name, size, "slow%.10g", file->reader.bounds_ms[test - 1]);
  return ret_name;
}

// Nine significant digits; what is only rounding is 0.
static void add_decades(struct buf *out, double decades) {
  buf_addf(out, "%.9g", fabs(decades) < 1e-12 ? 0 : decades);
}

static void add_object(struct buf *out, const struct replay_file *file, const char *key,
                       const double *decades, size_t count) {
  char name[40];
  buf_addf(out, "\"%s\": {", key);
  for (size_t i = 0; i < count; i++) {
    buf_addf(out, "%s\"%s\": ", i ? ", " : "", test_name(file, i, name, sizeof name));
    add_decades(out, decades[i]);
  }
  buf_add_z(out, "}");
}

static void print_json(const struct replay_file *file, const struct replay_counts *counts,
                       const struct replay_tick *tick, size_t tests) {
  struct buf out;
  buf_init(&out, 1u << 16);
  buf_addf(&out, "{\"t\": %.15g, ", counts->at_s);
  add_object(&out, file, "evidence", tick->against, tests);
  buf_add_z(&out, ", \"combined\": ");
  add_decades(&out, tick->combined);
  buf_add_z(&out, ", ");
  add_object(&out, file, "pass", tick->pass, tests);
  buf_addf(&out, ", \"decision\": \"%s\"}\n", replay_decision_name(tick->decision));
  print_buf(&out);
}

static void table_head(struct table_text *table, const struct replay_file *file, size_t tests) {
  char name[60] = "", base[40];
  table_text_addz(table, "TIME");
  table_text_addz(table, "CANARY");
  table_text_addz(table, "STABLE");
  for (size_t i = 0; i < tests; i++) {
    snprintf(name, sizeof name, "%s AGAINST/FOR", test_name(file, i, base, sizeof base));
    for (char *at = name; *at; at++)
      *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    table_text_addz(table, arena_strz(table->arena, name).ptr);
  }
  table_text_addz(table, "COMBINED");
  table_text_addz(table, "DECISION");
}

static void table_row(struct table_text *table, const struct replay *replay,
                      const struct replay_counts *counts, const struct replay_tick *tick) {
  const struct tally *errors = &counts->tests[0];
  struct arena *arena = table->arena;
  double pass_need = -log10(replay->rules.beta);
  table_text_add(table, arena_printf(arena, "%.10gs", counts->at_s));
  table_text_add(table, arena_printf(arena, "%.0f of %.0f", errors->x_c, errors->n_c));
  table_text_add(table, arena_printf(arena, "%.0f of %.0f", errors->x_s, errors->n_s));
  for (size_t i = 0; i < replay->count; i++)
    table_text_add(table, arena_printf(arena, "%.2f/%.1f %.2f/%.1f", tick->against[i],
                                       replay->test_rules[i].guard.need, tick->pass[i], pass_need));
  table_text_add(table,
                 arena_printf(arena, "%.2f/%.1f", tick->combined, -log10(replay->rules.alpha)));
  table_text_addz(table, replay_decision_name(tick->decision));
}

// --- the run ---

static enum replay_decision judge_lines(const struct replay_file *file,
                                        const struct replay_rules *rules, bool json, bool stop,
                                        struct arena *arena) {
  enum replay_decision first = REPLAY_CONTINUE;
  struct replay replay;
  struct table_text table;
  size_t tests = 1 + file->reader.bound_count;
  replay_init(&replay, rules, file->reader.bound_count);
  table_text_init(&table, arena, tests + 5);
  table_head(&table, file, tests);
  for (size_t i = 0; i < file->count; i++) {
    const struct replay_line *line = &file->lines[i];
    if (line->history) {
      replay_learn(&replay, &line->counts, line->has_slow);
      continue;
    }
    struct replay_tick tick = replay_next(&replay, &line->counts);
    if (json)
      print_json(file, &line->counts, &tick, tests);
    else
      table_row(&table, &replay, &line->counts, &tick);
    first = first == REPLAY_CONTINUE ? tick.decision : first;
    if (stop && first != REPLAY_CONTINUE)
      break;
  }
  if (!json) {
    struct buf out;
    buf_init(&out, FILE_BYTES_MAX);
    table_text_write(&table, &out);
    print_buf(&out);
  }
  return first;
}

int analyze_replay(const struct analyze_options *options) {
  static const int CODES[] = {
      [REPLAY_CONTINUE] = EXIT_WAITING, [REPLAY_FAIL] = EXIT_FAILED, [REPLAY_PASS] = EXIT_DONE};
  struct replay_file file = {.name = str_eq_z(options->replay, "-") ? "standard input"
                                                                    : options->replay.ptr};
  struct replay_rules rules;
  struct err err = {0};
  struct buf text;
  bool json = str_eq_z(options->output, "json");
  int code = EXIT_USAGE;
  if (!json && options->output.len) {
    fprintf(stderr, "serin analyze: -o: expected json, found \"%.*s\"\n", STR_ARG(options->output));
    return code;
  }
  if (!analyze_rules(options, &rules))
    return code;
  buf_init(&text, FILE_BYTES_MAX);
  if (read_all(options->replay, &text, &err) || read_lines(&file, buf_str(&text), &err)) {
    fprintf(stderr, "serin analyze: %s\n", err.msg);
  } else {
    struct arena arena = {0};
    if (rules.interval_s <= 0)
      rules.interval_s = usual_interval(&file);
    code = CODES[judge_lines(&file, &rules, json, options->stop, &arena)];
    arena_dispose(&arena);
  }
  buf_dispose(&text);
  xfree(file.lines);
  return code;
}
