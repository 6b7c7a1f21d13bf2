// SPDX-License-Identifier: Apache-2.0
// Any YAML as a folder of manifests: a table is made, dumped and asked; nothing may crash or leak.
#include "manifests/base/bug.h"
#include "manifests/text/yaml.h"
#include "proxy/config_set.h"
#include "proxy/dump.h"
#include "proxy/pick.h"
#include "proxy/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct proxy_table *table) {
  struct route_worker worker;
  struct route_decision decision;
  route_worker_init(&worker, 1);
  route_worker_fit(&worker, table);
  for (size_t i = 0; i < table->host_count && i < 8; i++) {
    const struct table_listener *listener = i < table->listener_count ? &table->listeners[i] : NULL;
    const struct route_request request = {.listener = listener,
                                          .listener_port = 80,
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

static uint32_t no_load(void *ctx, const struct table_endpoint *endpoint) {
  (void)ctx;
  return endpoint->slot.index % 3;
}

static bool is_ejected(void *ctx, const struct table_endpoint *endpoint) {
  (void)ctx;
  return endpoint->slot.index % 2;
}

// From every cluster, with and without ejected endpoints.
static void pick(const struct proxy_table *table) {
  struct rng rng;
  rng_init(&rng, 1);
  for (size_t i = 0; i < table->cluster_count; i++) {
    const struct table_cluster *cluster = &table->clusters[i];
    struct pick_view view = {.active = no_load, .version = 1};
    struct pick_state state = {.cursor = 7};
    struct pick_tried tried = {0};
    const struct pick_request request = {
        .tried = &tried, .remote = &tried, .has_hash = true, .hash = i << 40};
    for (view.health = 0; view.health < 2; view.health++) {
      for (int j = 0; j < 4; j++) {
        const struct table_endpoint *endpoint =
            pick_endpoint(cluster, &view, &request, &rng, &state, NULL);
        BUG_ON(!endpoint && !view.is_ejected && cluster->endpoint_count > 0 &&
               cluster->locality_count == 0);
        if (endpoint)
          pick_tried_add(&tried, endpoint);
      }
      view.is_ejected = is_ejected;
    }
    pick_state_dispose(&state);
  }
}

static size_t find(void *ctx, struct str name, const struct str **ret_addresses) {
  static const struct str addresses[] = {STR("10.0.0.1"), STR("::1")};
  (void)ctx;
  *ret_addresses = addresses;
  return name.len % 3;
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
  struct table_settings settings = {
      .name = STR("n"), .namespace_ = STR("default"), .locality = STR("eu/a/1")};
  const struct table_dns dns = {find, NULL};
  struct table_ids *ids = table_ids_new();
  struct table_input input = {.settings = &settings, .ids = ids, .version = 1, .dns = &dns};
  struct table_object *objects;
  config_set_objects(&set, &findings, &arena, &objects, &input.object_count);
  input.objects = objects;
  struct proxy_table *table = table_build(&input);
  struct buf out;
  buf_init(&out, 16 << 20);
  ask(table);
  pick(table);
  (void)dump_config(&out, table, STR("f"), STR(""), NULL);
  buf_dispose(&out);
  table_unref(table);
  table_ids_unref(ids);
  config_set_dispose(&set);
  arena_dispose(&arena);
  return 0;
}
