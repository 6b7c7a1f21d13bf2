// SPDX-License-Identifier: Apache-2.0
// Any YAML as a folder of manifests: a table is made, dumped and asked; nothing may crash or leak.
#include "manifests/text/yaml.h"
#include "proxy/config_set.h"
#include "proxy/dump.h"
#include "proxy/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct proxy_table *table) {
  struct route_worker worker;
  struct route_decision decision;
  route_worker_init(&worker, 1);
  route_worker_fit(&worker, table);
  for (size_t i = 0; i < table->host_count && i < 8; i++) {
    const struct route_request request = {.listener_port = 80,
                                          .authority = table->hosts[i].name,
                                          .method = STR("GET"),
                                          .scheme = STR("http"),
                                          .path = STR("/a/b"),
                                          .query = STR("k=v")};
    struct buf out;
    buf_init(&out, 1 << 20);
    route_match(table, &request, &worker, &decision);
    if (decision.kind == ROUTE_REDIRECT)
      (void)route_location(&decision, &request, &out);
    struct str path, original;
    route_rewrite(&decision, &request, &worker, &path, &original);
    buf_dispose(&out);
  }
  route_worker_dispose(&worker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct arena arena;
  struct findings findings;
  struct yaml_doc *docs;
  struct config_set set;
  arena_init(&arena);
  findings_init(&findings, &arena);
  config_set_init(&set);
  size_t count =
      yaml_parse((struct str){(const char *)data, size}, STR("f"), &arena, &docs, &findings);
  for (size_t i = 0; i < count; i++)
    (void)config_set_put(&set, docs[i].root, STR("f"), docs[i].line);
  struct table_settings settings = {.name = STR("n"), .namespace_ = STR("default")};
  struct table_ids *ids = table_ids_new();
  struct table_input input = {.settings = &settings, .ids = ids, .version = 1};
  struct table_object *objects;
  config_set_objects(&set, &findings, &arena, &objects, &input.object_count);
  input.objects = objects;
  struct proxy_table *table = table_build(&input);
  struct buf out;
  buf_init(&out, 16 << 20);
  ask(table);
  (void)dump_config(&out, table, STR("f"), STR(""), NULL);
  buf_dispose(&out);
  table_unref(table);
  table_ids_unref(ids);
  config_set_dispose(&set);
  arena_dispose(&arena);
  return 0;
}
