// SPDX-License-Identifier: Apache-2.0
#include "analysis/template.h"

#include "analysis/query.h"
#include "manifests/base/bug.h"
#include "manifests/base/buf.h"
#include "manifests/text/duration.h"

#define TEMPLATE_MAX_BYTES (64u << 10) // of one rendered query
#define NEAR_ENOUGH 3u                 // edits, for "did you mean"

static const struct template_var *var_find(const struct template_var *vars, size_t count,
                                           struct str name) {
  for (size_t i = 0; i < count; i++)
    if (str_eq_z(name, vars[i].name))
      return &vars[i];
  return NULL;
}

static int unknown_var(const struct template_var *vars, size_t count, struct str name,
                       struct err *err) {
  struct buf names;
  buf_init(&names, 4096);
  const char *nearest = NULL;
  size_t best = NEAR_ENOUGH + 1;
  for (size_t i = 0; i < count; i++) {
    (void)buf_addf(&names, "%s%s", i ? ", " : "", vars[i].name);
    size_t distance = str_distance(name, str_of(vars[i].name), NEAR_ENOUGH + 1);
    if (distance < best) {
      best = distance;
      nearest = vars[i].name;
    }
  }
  int rc = nearest ? err_set(err, RC_INVALID,
                             "unknown variable {{ %.*s }}: did you mean {{ %s }}? (there are: %s)",
                             STR_ARG(name), nearest, buf_z(&names))
                   : err_set(err, RC_INVALID, "unknown variable {{ %.*s }} (there are: %s)",
                             STR_ARG(name), buf_z(&names));
  buf_dispose(&names);
  return rc;
}

// Index of `pair` in text from `from` on, or -1.
static ptrdiff_t find_pair(struct str text, size_t from, char brace) {
  for (size_t i = from; i + 1 < text.len; i++)
    if (text.ptr[i] == brace && text.ptr[i + 1] == brace)
      return (ptrdiff_t)i;
  return -1;
}

int template_render(struct str text, const struct template_var *vars, size_t count,
                    struct arena *arena, struct str *ret_text, struct err *err) {
  struct buf out;
  buf_init(&out, TEMPLATE_MAX_BYTES);
  int rc = 0;
  size_t at = 0;
  for (;;) {
    ptrdiff_t open = find_pair(text, at, '{');
    if (open < 0)
      break;
    (void)buf_add_str(&out, str_slice(text, at, (size_t)open));
    ptrdiff_t close = find_pair(text, (size_t)open + 2, '}');
    if (close < 0) {
      rc = err_set(err, RC_INVALID, "\"{{\" at byte %td has no \"}}\" behind it", open + 1);
      goto out;
    }
    struct str name = str_trim(str_slice(text, (size_t)open + 2, (size_t)close));
    const struct template_var *var = var_find(vars, count, name);
    if (!var) {
      rc = unknown_var(vars, count, name, err);
      goto out;
    }
    (void)buf_add_str(&out, query_quote(var->value, arena));
    at = (size_t)close + 2;
  }
  (void)buf_add_str(&out, str_slice(text, at, text.len));
  if (out.failed) {
    rc = err_set(err, RC_INVALID, "the query is longer than %u bytes", TEMPLATE_MAX_BYTES);
    goto out;
  }
  *ret_text = arena_str(arena, buf_str(&out));
out:
  buf_dispose(&out);
  return rc;
}

int template_render_subject(struct str text, const struct subject *subject, struct arena *arena,
                            struct str *ret_text, struct err *err) {
  ptrdiff_t dot = str_find_char(subject->service, '.');
  struct str short_name = dot < 0 ? subject->service : str_slice(subject->service, 0, (size_t)dot);
  struct template_var vars[] = {
      {"namespace", subject->ns},
      {"name", subject->name},
      {"service", subject->service},
      {"serviceName", short_name},
      {"canaryVersion", subject->canary},
      {"stableVersion", subject->stable},
      {"canaryWorkload", subject->canary_workload},
      {"stableWorkload", subject->stable_workload},
      {"interval", duration_format(arena, subject->interval_ms ? subject->interval_ms : 5000)},
      {"weight", arena_printf(arena, "%.10g", subject->weight)},
      {"reporter", str_is_empty(subject->reporter) ? STR("source") : subject->reporter},
  };
  return template_render(text, vars, ARRAY_LEN(vars), arena, ret_text, err);
}

static const struct template_arg *argument_find(const struct template_arg *args, size_t count,
                                                struct str name) {
  for (size_t i = 0; i < count; i++)
    if (str_eq(args[i].name, name))
      return &args[i];
  return NULL;
}

static int one_argument(struct buf *out, struct str name, const struct template_arg *args,
                        size_t count, struct arena *arena, struct err *err) {
  const struct template_arg *arg = argument_find(args, count, name);
  if (!arg)
    return err_set(err, RC_INVALID, "{{ args.%.*s }} has no value", STR_ARG(name));
  if (find_pair(arg->value, 0, '{') >= 0)
    return err_set(err, RC_INVALID, "argument %.*s must not be a template itself", STR_ARG(name));
  (void)buf_add_str(out, query_quote(arg->value, arena));
  return 0;
}

int template_arguments(struct str text, const struct template_arg *args, size_t count,
                       struct arena *arena, struct str *ret_text, struct err *err) {
  struct buf out;
  int rc = 0;
  size_t at = 0;
  buf_init(&out, TEMPLATE_MAX_BYTES);
  for (;;) {
    ptrdiff_t open = find_pair(text, at, '{');
    ptrdiff_t close = open < 0 ? -1 : find_pair(text, (size_t)open + 2, '}');
    if (close < 0)
      break;
    struct str name = str_trim(str_slice(text, (size_t)open + 2, (size_t)close));
    bool ours = str_starts(name, STR("args."));
    (void)buf_add_str(&out, str_slice(text, at, ours ? (size_t)open : (size_t)close + 2));
    at = (size_t)close + 2;
    if (ours)
      rc = one_argument(&out, str_slice(name, 5, name.len), args, count, arena, err);
    if (rc != 0)
      goto out;
  }
  (void)buf_add_str(&out, str_slice(text, at, text.len));
  if (out.failed) {
    rc = err_set(err, RC_INVALID, "the query is longer than %u bytes", TEMPLATE_MAX_BYTES);
    goto out;
  }
  *ret_text = text.len ? arena_str(arena, buf_str(&out)) : text;
out:
  buf_dispose(&out);
  return rc;
}
