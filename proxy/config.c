// SPDX-License-Identifier: Apache-2.0
#include "proxy/config.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/source/directory.h"
#include "proxy/ack.h"
#include "proxy/config_kube.h"
#include "proxy/config_set.h"
#include "proxy/table_ids.h"
#include "proxy/gateway_writer.h"
#include "proxy/dns.h"

// Events of one change (a rollout writes several objects) come within a few milliseconds of each
// other.
#define CONFIG_GATHER_MS 20
// The first table waits so long for names of endpoints.
#define CONFIG_DNS_MS 1000
#define CONFIG_LOGGED_MAX 50 // findings in the log for one table; all are in /config_dump

struct proxy_config {
  uv_loop_t *loop;
  struct arena arena; // of settings and source
  struct table_settings settings;
  struct str source;
  config_publish_fn publish;
  void *ctx;
  struct config_set set;
  struct dns *dns;
  bool has_waited; // for names, before the first table
  struct table_ids *ids;
  struct proxy_table *table; // newest, NULL before the first
  // The one before: workers drop it soon, and the last reference frees it, which takes a while for
  // a large table. That last one is to be ours, here, and not one of a thread that serves requests.
  struct proxy_table *previous;
  uint64_t version;
  uv_timer_t gather;
  struct directory *directory;
  struct config_kube *kube;
  struct ack *ack;
  struct gateway_writer *writer;
  struct map said; // findings that were logged for the table before
  struct err last_error;
  int64_t last_error_ms; // steady clock
  bool is_closing;
  void (*closed)(void *ctx);
  void *closed_ctx;
};

static void config_log_finding(const struct finding *item) {
  if (item->level == FINDING_INFO)
    return;
  LOG(item->level == FINDING_ERROR ? LOG_ERROR : LOG_WARN, "configuration finding",
      LOG_S("finding", item->message), LOG_S("path", item->path), LOG_S("file", item->file),
      LOG_I("line", item->line), LOG_S("id", item->id));
}

// Logs what was not said of the table before, so that a change of an endpoint does not repeat a
// hundred warnings.
static void config_log_findings(struct proxy_config *config, const struct findings *findings) {
  struct map now;
  size_t logged = 0, more = 0;
  struct arena scratch;
  map_init(&now);
  arena_init(&scratch);
  for (size_t i = 0; i < findings->count; i++) {
    const struct finding *item = &findings->items[i];
    struct str text = finding_text(item, &scratch);
    (void)map_put(&now, text, config);
    if (map_get(&config->said, text))
      continue;
    if (logged++ < CONFIG_LOGGED_MAX)
      config_log_finding(item);
    else
      more++;
  }
  if (more)
    LOG(LOG_WARN, "more findings in /config_dump", LOG_I("count", (int64_t)more));
  arena_dispose(&scratch);
  map_dispose(&config->said);
  config->said = now;
}

static void config_on_gathered(uv_timer_t *timer);

static void config_build(struct proxy_config *config) {
  struct arena scratch;
  arena_init(&scratch);
  int64_t start_us = clock_mono_us();
  const struct directory_snapshot *snapshot =
      config->directory ? directory_snapshot(config->directory) : NULL;
  const struct table_dns dns = {dns_find, config->dns};
  struct table_input input = {
      .settings = &config->settings,
      .ids = config->ids,
      .version = ++config->version,
      .now_ms = clock_wall_ms(),
      .steady_ms = clock_mono_ms(),
      .previous = config->table,
      .dns = &dns,
  };
  struct table_object *objects;
  config_set_objects(&config->set, snapshot ? &snapshot->findings : NULL, &scratch, &objects,
                     &input.object_count);
  input.objects = objects;
  dns_begin(config->dns);
  struct proxy_table *table = table_build(&input);
  dns_end(config->dns);
  arena_dispose(&scratch);
  if (!config->table && !config->has_waited && dns_is_pending(config->dns)) {
    config->has_waited = true;
    table_unref(table);
    BUG_ON(uv_timer_start(&config->gather, config_on_gathered, CONFIG_DNS_MS, 0) != 0);
    return;
  }
  table_unref(config->previous);
  config->previous = config->table;
  config->table = table;
  LOG(LOG_INFO, "configuration in force", LOG_I("version", (int64_t)table->version),
      LOG_I("hosts", (int64_t)table->host_count), LOG_I("clusters", (int64_t)table->cluster_count),
      LOG_I("endpoints", (int64_t)table->endpoint_count),
      LOG_I("errors", (int64_t)table->findings.errors),
      LOG_I("warnings", (int64_t)table->findings.warnings),
      LOG_I("built_us", clock_mono_us() - start_us));
  config_log_findings(config, &table->findings);
  if (config->ack)
    ack_offer(config->ack, table);
  config->publish(config->ctx, table_ref(table));
  if (config->writer) // after that: now it is known which listeners are open
    gateway_writer_update(config->writer, table);
}

static void config_on_gathered(uv_timer_t *timer) {
  struct proxy_config *config = timer->data;
  if (!config->is_closing)
    config_build(config);
}

// The timer is not pushed back by later events, or a busy cluster would never get a table.
static void config_changed(void *data) {
  struct proxy_config *config = data;
  if (!config->is_closing && !uv_is_active((uv_handle_t *)&config->gather))
    BUG_ON(uv_timer_start(&config->gather, config_on_gathered, CONFIG_GATHER_MS, 0) != 0);
}

// Names come one by one; the first table waits for the last of them, or for CONFIG_DNS_MS.
static void config_dns_changed(void *data) {
  struct proxy_config *config = data;
  if (config->is_closing || (!config->table && dns_is_pending(config->dns)))
    return;
  (void)uv_timer_stop(&config->gather);
  config_changed(config);
}

static void config_failed(const struct err *err, void *data) {
  struct proxy_config *config = data;
  config->last_error = *err;
  config->last_error_ms = clock_mono_ms();
  LOG(LOG_WARN, "configuration source", LOG_S("source", config->source), LOG_Z("error", err->msg));
}

static void config_directory_changed(struct directory *directory,
                                     const struct directory_snapshot *snapshot, void *data) {
  struct proxy_config *config = data;
  (void)directory;
  config_set_mark(&config->set);
  for (size_t i = 0; i < snapshot->count; i++) {
    const struct directory_object *object = &snapshot->objects[i];
    (void)config_set_put(&config->set, object->json, object->file, object->line);
  }
  (void)config_set_sweep(&config->set);
  config_changed(config); // even when no object changed: findings may have
}

static void config_copy_settings(struct proxy_config *config, const struct table_settings *from) {
  struct arena *arena = &config->arena;
  struct table_label *labels = ARENA_ARRAY(arena, struct table_label, from->label_count);
  struct table_listener *listeners =
      ARENA_ARRAY(arena, struct table_listener, from->listener_count);
  for (size_t i = 0; i < from->label_count; i++)
    labels[i] = (struct table_label){arena_str(arena, from->labels[i].name),
                                     arena_str(arena, from->labels[i].value)};
  for (size_t i = 0; i < from->listener_count; i++) {
    listeners[i] = from->listeners[i];
    listeners[i].address = arena_str(arena, from->listeners[i].address);
  }
  config->settings = (struct table_settings){
      .name = arena_str(arena, from->name),
      .namespace_ = arena_str(arena, from->namespace_),
      .domain = arena_str(arena, from->domain),
      .controller = arena_str(arena, from->controller),
      .labels = labels,
      .label_count = from->label_count,
      .locality = arena_str(arena, from->locality),
      .listeners = listeners,
      .listener_count = from->listener_count,
      .literal_uuid = from->literal_uuid,
      .consecutive_errors_5xx = from->consecutive_errors_5xx,
  };
}

static void config_free(struct proxy_config *config) {
  table_unref(config->previous);
  table_unref(config->table);
  table_ids_unref(config->ids);
  config_set_dispose(&config->set);
  map_dispose(&config->said);
  arena_dispose(&config->arena);
  xfree(config);
}

static int config_open_source(struct proxy_config *config, const struct config_options *options,
                              struct err *err) {
  if (options->manifests) {
    config->source = arena_printf(&config->arena, "folder %s", options->manifests);
    return directory_open(config->loop, options->manifests, config_directory_changed, config,
                          &config->directory, err);
  }
  const struct config_kube_options kube = {
      .lookup = {.kubeconfig = options->kubeconfig,
                 .context = options->context,
                 .kube_api = options->kube_api},
      .ns = options->one_namespace ? config->settings.namespace_ : STR(""),
      .set = &config->set,
      .changed = config_changed,
      .failed = config_failed,
      .data = config,
  };
  int rc = config_kube_open(config->loop, &kube, &config->kube, err);
  if (rc)
    return rc;
  config->source = config_kube_server(config->kube);
  if (options->lease) {
    const struct ack_options ack = {.name = config->settings.name,
                                    .namespace_ = config->settings.namespace_,
                                    .failed = config_failed,
                                    .data = config};
    config->ack = ack_new(config_kube_client(config->kube), &ack);
  }
  const struct gateway_writer_options writer = {.name = config->settings.name,
                                                .namespace_ = config->settings.namespace_,
                                                .listening = options->listening,
                                                .failed = config_failed,
                                                .data = config};
  config->writer = gateway_writer_new(config->loop, config_kube_client(config->kube), &writer);
  return 0;
}

static void config_on_failed_closed(void *data) {
  config_free(data);
}

static void config_on_failed_timer_closed(uv_handle_t *handle) {
  struct proxy_config *config = handle->data;
  dns_close(config->dns, config_on_failed_closed, config);
}

int config_open(uv_loop_t *loop, const struct config_options *options, config_publish_fn publish,
                void *ctx, struct proxy_config **ret_config, struct err *err) {
  struct proxy_config *config = XNEW(struct proxy_config);
  config->loop = loop;
  config->publish = publish;
  config->ctx = ctx;
  config->ids = table_ids_new();
  arena_init(&config->arena);
  config_set_init(&config->set);
  map_init(&config->said);
  config_copy_settings(config, &options->settings);
  config->dns = dns_new(loop, options->dns_interval_ms, config_dns_changed, config);
  BUG_ON(uv_timer_init(loop, &config->gather) != 0);
  config->gather.data = config;
  int rc = config_open_source(config, options, err);
  if (rc) {
    uv_close((uv_handle_t *)&config->gather, config_on_failed_timer_closed);
    return rc;
  }
  *ret_config = config;
  return 0;
}

void config_confirm(struct proxy_config *config, uint64_t version) {
  if (config->ack && !config->is_closing)
    ack_confirm(config->ack, version);
}

void config_listening_changed(struct proxy_config *config) {
  if (config->writer && config->table && !config->is_closing)
    gateway_writer_update(config->writer, config->table);
}

struct proxy_table *config_table(const struct proxy_config *config) {
  return config->table;
}

unsigned config_table_count(const struct proxy_config *config) {
  return table_ids_tables(config->ids);
}

bool config_is_ready(const struct proxy_config *config) {
  return config->table != NULL;
}

struct str config_source(const struct proxy_config *config) {
  return config->source;
}

struct str config_last_error(const struct proxy_config *config) {
  // A quiet API sends only bookmarks: all kinds heard of since the error means that it is over.
  int64_t silence_ms = config->kube ? config_kube_silence_ms(config->kube) : -1;
  if (silence_ms >= 0 && silence_ms < clock_mono_ms() - config->last_error_ms)
    return STR("");
  return str_of(config->last_error.msg);
}

static void config_on_dns_closed(void *data) {
  struct proxy_config *config = data;
  void (*closed)(void *) = config->closed;
  void *closed_ctx = config->closed_ctx;
  config_free(config);
  if (closed)
    closed(closed_ctx);
}

static void config_on_timer_closed(uv_handle_t *handle) {
  struct proxy_config *config = handle->data;
  dns_close(config->dns, config_on_dns_closed, config);
}

static void config_source_closed(void *data) {
  struct proxy_config *config = data;
  uv_close((uv_handle_t *)&config->gather, config_on_timer_closed);
}

static void config_ack_closed(void *data) {
  struct proxy_config *config = data;
  config_kube_close(config->kube, config_source_closed, config);
}

static void config_writer_closed(void *data) {
  struct proxy_config *config = data;
  config->writer = NULL;
  if (!config->ack || !ack_close(config->ack, config_ack_closed, config))
    config_ack_closed(config);
}

void config_leave_lease(struct proxy_config *config) {
  if (config->ack)
    ack_leave(config->ack);
}

void config_close(struct proxy_config *config, void (*closed)(void *ctx), void *ctx) {
  if (config->is_closing)
    return;
  config->is_closing = true;
  config->closed = closed;
  config->closed_ctx = ctx;
  (void)uv_timer_stop(&config->gather);
  // The Leases go first, while there is a client to delete them with.
  if (config->directory)
    directory_close(config->directory, config_source_closed, config);
  else
    gateway_writer_close(config->writer, config_writer_closed, config);
}
