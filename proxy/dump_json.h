// SPDX-License-Identifier: Apache-2.0
// The parts of a table as JSON trees. Private to dump.c.
#pragma once

#include "manifests/text/json.h"
#include "proxy/dump.h"

void dump_json_listeners(struct arena *arena, struct json *root, const struct proxy_table *table,
                         const struct dump_listening *listening);
void dump_json_routes(struct arena *arena, struct json *root, const struct proxy_table *table);
void dump_json_endpoints(struct arena *arena, struct json *root, const struct proxy_table *table);
void dump_json_clusters(struct arena *arena, struct json *root, const struct proxy_table *table,
                        dump_stats_fn stats, void *ctx);
void dump_json_config(struct arena *arena, struct json *root, const struct proxy_table *table,
                      struct str source, struct str last_error,
                      const struct dump_listening *listening);
// The same with Envoy's lists beside ours: listener_statuses, cluster_statuses.
void dump_json_listener_page(struct arena *arena, struct json *root,
                             const struct proxy_table *table,
                             const struct dump_listening *listening);
void dump_json_cluster_page(struct arena *arena, struct json *root, const struct proxy_table *table,
                            dump_stats_fn stats, void *ctx);
