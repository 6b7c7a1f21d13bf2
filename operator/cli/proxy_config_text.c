// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/proxy_config_text.h"
#include "operator/cli/table_text.h"

static const struct {
  const char *name, *path;
} parts[] = {
    [PROXY_CONFIG_ROUTES] = {"routes", "/config_dump?resource=routes"},
    [PROXY_CONFIG_CLUSTERS] = {"clusters", "/clusters?format=json"},
    [PROXY_CONFIG_ENDPOINTS] = {"endpoints", "/clusters?format=json"},
    [PROXY_CONFIG_LISTENERS] = {"listeners", "/listeners?format=json"},
};

bool proxy_config_part_of(struct str name, enum proxy_config_part *ret_part) {
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (str_eq_z(name, parts[i].name)) {
      *ret_part = (enum proxy_config_part)i;
      return true;
    }
  return false;
}

const char *proxy_config_path(enum proxy_config_part part) {
  return parts[part].path;
}

static struct str or_dash(struct str text) {
  return text.len ? text : STR("-");
}

static void head(struct table_text *table, struct arena *arena, const char *const *titles,
                 size_t count) {
  table_text_init(table, arena, count);
  for (size_t i = 0; i < count; i++)
    table_text_addz(table, titles[i]);
}

// ---- routes ----

// The first stands for all: short forms of a service's name follow it.
static struct str hosts_text(struct arena *arena, const struct json *list) {
  struct str first = or_dash(json_string(json_at(list, 0)));
  if (!list || list->count < 2)
    return first;
  return arena_printf(arena, "%.*s (+%zu)", STR_ARG(first), list->count - 1);
}

static struct str matcher(struct arena *arena, const struct json *match) {
  const struct json *first = match ? match->child : NULL;
  if (!first)
    return STR("present");
  return arena_printf(arena, "%.*s %.*s", STR_ARG(first->key), STR_ARG(json_string(first)));
}

static struct str match_text(struct arena *arena, const struct json *match) {
  struct str text = STR("");
  JSON_EACH(part, match) {
    bool is_group = str_eq_z(part->key, "headers") || str_eq_z(part->key, "withoutHeaders") ||
                    str_eq_z(part->key, "queryParams");
    if (part->type != JSON_OBJECT) {
      text = arena_printf(arena, "%.*s%s%.*s=%.*s", STR_ARG(text), text.len ? ", " : "",
                          STR_ARG(part->key), STR_ARG(json_text(arena, part)));
      continue;
    }
    if (!is_group) {
      text = arena_printf(arena, "%.*s%s%.*s %.*s", STR_ARG(text), text.len ? ", " : "",
                          STR_ARG(part->key), STR_ARG(matcher(arena, part)));
      continue;
    }
    JSON_EACH(field, part)
      text = arena_printf(arena, "%.*s%s%s%.*s %.*s", STR_ARG(text), text.len ? ", " : "",
                          str_eq_z(part->key, "withoutHeaders") ? "not " : "", STR_ARG(field->key),
                          STR_ARG(matcher(arena, field)));
  }
  return text.len ? text : STR("any");
}

static struct str action_text(struct arena *arena, const struct json *route) {
  struct str text = STR("");
  const struct json *redirect = json_get(route, "redirect");
  const struct json *reply = json_get(route, "directResponse");
  if (redirect)
    return arena_printf(arena, "redirect %lld",
                        (long long)json_int(json_get(redirect, "redirectCode"), 301));
  if (reply)
    return arena_printf(arena, "answer %lld", (long long)json_int(json_get(reply, "status"), 0));
  const struct json *list = json_get(route, "route");
  double total = json_number(json_get(route, "totalWeight"), 0);
  JSON_EACH(to, list) {
    struct str subset = json_get_string(to, "subset");
    text =
        arena_printf(arena, "%.*s%s%.*s%s%.*s", STR_ARG(text), text.len ? " + " : "",
                     STR_ARG(json_get_string(to, "host")), subset.len ? "/" : "", STR_ARG(subset));
    if (total > 0)
      text = arena_printf(arena, "%.*s %.4g%%", STR_ARG(text),
                          json_number(json_get(to, "weight"), 0) * 100 / total);
  }
  return or_dash(text);
}

static void routes(const struct json *dump, struct arena *arena, struct buf *out) {
  static const char *const titles[] = {"HOSTS",   "ROUTE",   "MATCH", "ACTION",
                                       "TIMEOUT", "RETRIES", "FROM"};
  struct table_text table;
  head(&table, arena, titles, sizeof titles / sizeof titles[0]);
  JSON_EACH(host, json_get(dump, "hosts"))
    JSON_EACH(route, json_get(host, "routes")) {
      table_text_add(&table, hosts_text(arena, json_get(host, "domains")));
      table_text_add(&table, or_dash(json_get_string(route, "name")));
      table_text_add(&table, match_text(arena, json_get(route, "match")));
      table_text_add(&table, action_text(arena, route));
      table_text_add(&table, or_dash(json_get_string(route, "timeout")));
      table_text_add(&table,
                     arena_printf(arena, "%lld",
                                  (long long)json_int(json_path(route, "retries.attempts"), 0)));
      table_text_add(&table, or_dash(json_get_string(host, "source")));
    }
  table_text_write(&table, out);
}

// ---- clusters, endpoints, listeners ----

static void clusters(const struct json *dump, struct arena *arena, struct buf *out) {
  static const char *const titles[] = {"SERVICE",   "PORT",    "SUBSET", "BALANCER",
                                       "ENDPOINTS", "UNREADY", "RULE"};
  struct table_text table;
  head(&table, arena, titles, sizeof titles / sizeof titles[0]);
  JSON_EACH(cluster, json_get(dump, "clusters")) {
    table_text_add(&table, json_get_string(cluster, "service"));
    table_text_add(&table,
                   arena_printf(arena, "%lld", (long long)json_int(json_get(cluster, "port"), 0)));
    table_text_add(&table, or_dash(json_get_string(cluster, "subset")));
    table_text_add(&table, or_dash(json_get_string(cluster, "loadBalancer")));
    table_text_add(&table, arena_printf(arena, "%lld",
                                        (long long)json_int(json_get(cluster, "endpoints"), 0)));
    table_text_add(
        &table, arena_printf(arena, "%lld", (long long)json_int(json_get(cluster, "unready"), 0)));
    table_text_add(&table, or_dash(json_get_string(cluster, "destinationRule")));
  }
  table_text_write(&table, out);
}

static struct str number(struct arena *arena, const struct json *host, const char *path) {
  const struct json *value = json_path(host, path);
  return value ? arena_printf(arena, "%lld", (long long)json_int(value, 0)) : STR("-");
}

static void endpoints(const struct json *dump, struct arena *arena, struct buf *out) {
  static const char *const titles[] = {"ADDRESS", "POD",      "VERSION", "HEALTH",
                                       "ACTIVE",  "REQUESTS", "ERRORS",  "CLUSTER"};
  struct table_text table;
  head(&table, arena, titles, sizeof titles / sizeof titles[0]);
  JSON_EACH(cluster, json_get(dump, "clusters"))
    JSON_EACH(host, json_get(cluster, "hosts")) {
      table_text_add(&table, json_get_string(host, "address"));
      table_text_add(&table, or_dash(json_get_string(host, "pod")));
      table_text_add(&table, or_dash(json_get_string(host, "version")));
      table_text_add(&table, or_dash(json_get_string(host, "health")));
      table_text_add(&table, number(arena, host, "stats.rq_active"));
      table_text_add(&table, number(arena, host, "stats.rq_total"));
      table_text_add(&table, number(arena, host, "stats.rq_error"));
      table_text_add(&table, json_get_string(cluster, "name"));
    }
  table_text_write(&table, out);
}

static void listeners(const struct json *dump, struct arena *arena, struct buf *out) {
  static const char *const titles[] = {"ADDRESS", "PORT", "FOR", "SOURCE"};
  struct table_text table;
  head(&table, arena, titles, sizeof titles / sizeof titles[0]);
  JSON_EACH(listener, json_get(dump, "listeners")) {
    table_text_add(&table, json_get_string(listener, "address"));
    table_text_add(&table,
                   arena_printf(arena, "%lld", (long long)json_int(json_get(listener, "port"), 0)));
    table_text_add(&table, or_dash(json_get_string(listener, "persona")));
    struct str error = json_get_string(listener, "error");
    table_text_add(&table, error.len ? arena_printf(arena, "%.*s (not open: %.*s)",
                                                    STR_ARG(json_get_string(listener, "source")),
                                                    STR_ARG(error))
                                     : or_dash(json_get_string(listener, "source")));
  }
  table_text_write(&table, out);
}

void proxy_config_text(enum proxy_config_part part, const struct json *dump, struct arena *arena,
                       struct buf *out) {
  switch (part) {
  case PROXY_CONFIG_ROUTES: routes(dump, arena, out); break;
  case PROXY_CONFIG_CLUSTERS: clusters(dump, arena, out); break;
  case PROXY_CONFIG_ENDPOINTS: endpoints(dump, arena, out); break;
  case PROXY_CONFIG_LISTENERS: listeners(dump, arena, out); break;
  }
}
