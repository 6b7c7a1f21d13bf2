// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/options.h"
#include "manifests/base/bug.h"
#include "manifests/text/duration.h"

const struct option_row common_option_rows[] = {
    {"namespace", 'n', OPTION_STRING, offsetof(struct common_options, ns), "NAME", NULL,
     "Namespace to work in (default: that of the context, else \"default\").", 0, 0},
    {"kubeconfig", 0, OPTION_STRING, offsetof(struct common_options, kubeconfig), "FILE", NULL,
     "Which cluster: a kubeconfig (default: KUBECONFIG, in-cluster, the running serin up, "
     "~/.kube/config).",
     0, 0},
    {"context", 0, OPTION_STRING, offsetof(struct common_options, context), "NAME", NULL,
     "Context within the kubeconfig.", 0, 0},
    {"output", 'o', OPTION_STRING, offsetof(struct common_options, output), "FORMAT", NULL,
     "Output: wide, json, yaml or name.", 0, 0},
    {"timeout", 0, OPTION_DURATION, offsetof(struct common_options, timeout_ms), "DURATION", NULL,
     "Give up after this long.", 0, 0},
};
const size_t common_option_count = ARRAY_LEN(common_option_rows);

static size_t row_count(const struct command *command) {
  return command->option_count + (command->common ? common_option_count : 0);
}

static const struct option_row *row_at(const struct command *command, size_t i) {
  return i < command->option_count ? &command->options[i]
                                   : &common_option_rows[i - command->option_count];
}

static const struct option_row *find_long(const struct command *command, struct str name) {
  for (size_t i = 0; i < row_count(command); i++)
    if (str_eq_z(name, row_at(command, i)->name))
      return row_at(command, i);
  return NULL;
}

static const struct option_row *find_letter(const struct command *command, char letter) {
  for (size_t i = 0; i < row_count(command); i++)
    if (row_at(command, i)->letter && row_at(command, i)->letter == letter)
      return row_at(command, i);
  return NULL;
}

static int unknown_option(const struct command *command, struct str name, struct err *err) {
  const char *nearest = NULL;
  size_t best = 4;
  for (size_t i = 0; i < row_count(command); i++) {
    size_t distance = str_distance(name, str_of(row_at(command, i)->name), best);
    if (distance < best) {
      best = distance;
      nearest = row_at(command, i)->name;
    }
  }
  return err_set(err, RC_USAGE, "unknown option --%.*s%s%s%s; see 'serin %s --help'", STR_ARG(name),
                 nearest ? ", did you mean --" : "", nearest ? nearest : "", nearest ? "?" : "",
                 command->name);
}

static int store_int(const struct option_row *row, struct str value, int64_t *to, struct err *err) {
  bool bounded = row->min != 0 || row->max != 0;
  if (str_to_i64(value, to) && (!bounded || (*to >= row->min && *to <= row->max)))
    return RC_OK;
  if (bounded)
    return err_set(err, RC_USAGE, "--%s: expected a whole number from %lld to %lld, found \"%.*s\"",
                   row->name, (long long)row->min, (long long)row->max, STR_ARG(value));
  return err_set(err, RC_USAGE, "--%s: expected a whole number, found \"%.*s\"", row->name,
                 STR_ARG(value));
}

static int store(const struct option_row *row, struct str value, struct arena *arena, void *options,
                 struct err *err) {
  void *field = (char *)options + row->offset;
  switch (row->type) {
  case OPTION_FLAG: {
    bool on = str_eq(value, STR("true"));
    if (!on && !str_eq(value, STR("false")))
      return err_set(err, RC_USAGE, "--%s: expected true or false, found \"%.*s\"", row->name,
                     STR_ARG(value));
    *(bool *)field = on;
    return RC_OK;
  }
  case OPTION_STRING: *(struct str *)field = arena_str(arena, value); return RC_OK;
  case OPTION_INT: return store_int(row, value, field, err);
  case OPTION_DURATION:
    if (duration_parse(value, field))
      return RC_OK;
    return err_set(err, RC_USAGE, "--%s: expected a duration such as 30s or 5m, found \"%.*s\"",
                   row->name, STR_ARG(value));
  case OPTION_LIST: {
    struct option_list *list = field;
    void *items = list->items;
    struct str *item = arena_push(arena, &items, &list->count, &list->capacity, sizeof *item);
    list->items = items;
    *item = arena_str(arena, value);
    return RC_OK;
  }
  }
  return RC_OK;
}

static int parse_one(const struct command *command, int argc, char **argv, int *i,
                     struct arena *arena, void *options, struct err *err) {
  struct str word = str_of(argv[*i]);
  struct str value = STR_NULL;
  const struct option_row *row;
  if (word.ptr[1] == '-') {
    struct str name = str_slice(word, 2, word.len);
    ptrdiff_t equals = str_find_char(name, '=');
    if (equals >= 0) {
      value = str_slice(name, (size_t)equals + 1, name.len);
      name = str_slice(name, 0, (size_t)equals);
    }
    row = find_long(command, name);
    if (!row)
      return unknown_option(command, name, err);
  } else {
    row = find_letter(command, word.ptr[1]);
    if (!row)
      return unknown_option(command, str_slice(word, 1, word.len), err);
    if (word.len > 2 && row->type == OPTION_FLAG)
      return err_set(err, RC_USAGE, "-%c takes no value, found \"%.*s\"", row->letter,
                     STR_ARG(word));
    if (word.len > 2)
      value = str_slice(word, word.ptr[2] == '=' ? 3 : 2, word.len);
  }
  if (row->type == OPTION_FLAG && !value.ptr)
    value = STR("true");
  if (!value.ptr) {
    if (*i + 1 >= argc)
      return err_set(err, RC_USAGE, "--%s needs a value: %s", row->name, row->value);
    value = str_of(argv[++*i]);
  }
  return store(row, value, arena, options, err);
}

static int apply_fallbacks(const struct command *command, struct arena *arena, void *options,
                           struct err *err) {
  for (size_t i = 0; i < row_count(command); i++) {
    const struct option_row *row = row_at(command, i);
    if (row->fallback && store(row, str_of(row->fallback), arena, options, err) != RC_OK)
      return err->rc;
  }
  return RC_OK;
}

int options_parse(const struct command *command, int argc, char **argv, struct arena *arena,
                  void **ret_options, struct str **ret_arguments, size_t *ret_count,
                  struct err *err) {
  void *options = arena_alloc(arena, command->size ? command->size : 1);
  struct str *arguments = ARENA_ARRAY(arena, struct str, (size_t)argc + 1);
  size_t count = 0;
  bool only_arguments = false;
  int rc = apply_fallbacks(command, arena, options, err);
  for (int i = 0; rc == RC_OK && i < argc; i++) {
    struct str word = str_of(argv[i]);
    if (!only_arguments && str_eq(word, STR("--")))
      only_arguments = true;
    else if (!only_arguments && word.len > 1 && word.ptr[0] == '-')
      rc = parse_one(command, argc, argv, &i, arena, options, err);
    else
      arguments[count++] = arena_str(arena, word);
  }
  if (rc != RC_OK)
    return rc;
  if (count < (size_t)command->min_arguments)
    return err_set(err, RC_USAGE, "an argument is missing; usage: serin %s %s", command->name,
                   command->arguments ? command->arguments : "");
  if (command->max_arguments >= 0 && count > (size_t)command->max_arguments)
    return err_set(err, RC_USAGE, "unexpected argument \"%.*s\"; usage: serin %s %s",
                   STR_ARG(arguments[command->max_arguments]), command->name,
                   command->arguments ? command->arguments : "");
  *ret_options = options;
  *ret_arguments = arguments;
  *ret_count = count;
  return RC_OK;
}

static void add_row(struct buf *out, const struct option_row *row) {
  struct buf left;
  buf_init(&left, 256);
  buf_addf(&left, row->letter ? "-%c, " : "    ", row->letter);
  buf_addf(&left, "--%s", row->name);
  if (row->value && row->type != OPTION_FLAG)
    buf_addf(&left, " %s", row->value);
  buf_addf(out, "  %-30s %s", buf_z(&left), row->help);
  if (row->fallback)
    buf_addf(out, " Default: %s.", row->fallback);
  if (row->type == OPTION_LIST)
    buf_add_z(out, " May be repeated.");
  buf_add_char(out, '\n');
  buf_dispose(&left);
}

void options_help(const struct command *command, struct buf *out) {
  buf_addf(out, "%s\n\nUsage: serin %s%s%s%s\n", command->summary, command->name,
           row_count(command) ? " [options]" : "",
           command->arguments && *command->arguments ? " " : "",
           command->arguments ? command->arguments : "");
  if (command->details)
    buf_addf(out, "\n%s\n", command->details);
  if (command->option_count)
    buf_add_z(out, "\nOptions:\n");
  for (size_t i = 0; i < command->option_count; i++)
    add_row(out, &command->options[i]);
  if (command->common)
    buf_add_z(out, "\nCommon options:\n");
  for (size_t i = command->option_count; i < row_count(command); i++)
    add_row(out, row_at(command, i));
}

void options_markdown(const struct command *command, struct buf *out) {
  bool has_arguments = command->arguments && *command->arguments;
  buf_addf(out, "## serin %s\n\n%s\n\n    serin %s%s%s%s\n\n", command->name, command->summary,
           command->name, row_count(command) ? " [options]" : "", has_arguments ? " " : "",
           has_arguments ? command->arguments : "");
  if (command->details)
    buf_addf(out, "%s\n\n", command->details);
  if (!row_count(command))
    return;
  buf_add_z(out, "| option | default | meaning |\n|---|---|---|\n");
  for (size_t i = 0; i < row_count(command); i++) {
    const struct option_row *row = row_at(command, i);
    buf_addf(out, "| `--%s%s%s`", row->name, row->value && row->type != OPTION_FLAG ? " " : "",
             row->value && row->type != OPTION_FLAG ? row->value : "");
    if (row->letter)
      buf_addf(out, ", `-%c`", row->letter);
    buf_addf(out, " | %s | %s%s |\n", row->fallback ? row->fallback : "", row->help,
             row->type == OPTION_LIST ? " May be repeated." : "");
  }
  buf_add_char(out, '\n');
}
