// SPDX-License-Identifier: Apache-2.0
// Any authority, path, query and header against one table with every kind of matcher.
#include "manifests/text/yaml.h"
#include "proxy/config_set.h"
#include "proxy/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char manifests[] =
    "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n---\n"
    "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec:\n"
    "  hosts: [s, '*.example.com']\n  http:\n"
    "  - match:\n"
    "    - {uri: {regex: '/(a|aa)+'}, headers: {x: {regex: '[a-z]+,?.*'}}}\n"
    "    - {queryParams: {k: {prefix: v}}, withoutHeaders: {x: {exact: 'a,b'}}}\n"
    "    - {authority: {regex: '.*:[0-9]+'}, headers: {':path': {regex: '/.*[?]k=v'}}}\n"
    "    rewrite: {uriRegexRewrite: {match: '/([^/]*)/?', rewrite: '-\\1'}}\n"
    "    route: [{destination: {host: s}, weight: 1}, {destination: {host: t}, weight: 2}]\n"
    "  - redirect: {uri: /x, scheme: https}\n";

struct parts {
  struct str items[6];
};

static bool header(const void *headers, struct str name, size_t nth, struct str *ret_value) {
  const struct parts *parts = headers;
  if (!str_eq(name, STR("x")) || nth > 1)
    return false;
  *ret_value = parts->items[4 + nth];
  return true;
}

static struct proxy_table *make_table(void) {
  struct arena arena;
  struct findings findings;
  struct yaml_doc *docs;
  struct config_set set;
  arena_init(&arena);
  findings_init(&findings, &arena);
  config_set_init(&set);
  size_t count = yaml_parse(str_of(manifests), STR(""), &arena, &docs, &findings);
  for (size_t i = 0; i < count; i++)
    (void)config_set_put(&set, docs[i].root, STR(""), 1);
  const struct table_settings settings = {.name = STR("n"), .namespace_ = STR("default")};
  struct table_ids *ids = table_ids_new();
  struct table_input input = {.settings = &settings, .ids = ids, .version = 1};
  struct table_object *objects;
  config_set_objects(&set, NULL, &arena, &objects, &input.object_count);
  input.objects = objects;
  struct proxy_table *table = table_build(&input);
  table_ids_unref(ids);
  config_set_dispose(&set);
  arena_dispose(&arena);
  return table;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct proxy_table *table;
  if (!table)
    table = make_table();
  struct parts parts = {0};
  struct str rest = {(const char *)data, size};
  for (size_t i = 0; i < 6; i++) {
    if (!str_next(&rest, '\n', &parts.items[i]))
      break;
  }
  const struct route_request request = {.listener_port = 15001,
                                        .authority = parts.items[0],
                                        .method = parts.items[1],
                                        .scheme = STR("http"),
                                        .path = parts.items[2],
                                        .query = parts.items[3],
                                        .header = header,
                                        .headers = &parts};
  struct route_worker worker;
  struct route_decision decision;
  struct buf out;
  route_worker_init(&worker, 1);
  route_worker_fit(&worker, table);
  buf_init(&out, 1 << 20);
  route_match(table, &request, &worker, &decision);
  if (decision.kind == ROUTE_REDIRECT)
    (void)route_location(&decision, &request, &out);
  struct str path, original;
  route_rewrite(&decision, &request, &worker, &path, &original);
  buf_dispose(&out);
  route_worker_dispose(&worker);
  return 0;
}
