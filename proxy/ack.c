// SPDX-License-Identifier: Apache-2.0
#include "proxy/ack.h"

#include "manifests/base/alloc.h"
#include "manifests/text/json.h"

#define ACK_LEASE_MS 10000
#define ACK_PERIOD_MS 3000
#define ACK_OFFERS_MAX                                                                             \
  32 // tables that workers have not taken; when one hangs, only the newest matter

// What a table that was handed out will be said to serve.
struct ack_offer {
  uint64_t version;
  struct buf text;
  struct ack_offer *next;
};

struct ack {
  struct kube_client *client;
  struct ack_options options;
  struct arena arena;
  struct ack_offer *offers; // oldest first
  size_t offer_count;
  struct kube_publish *publish; // NULL before the first confirmation
  void (*closed)(void *data);
  void *closed_data;
};

int ack_text(struct buf *out, const struct proxy_table *table) {
  (void)buf_add_char(out, '{');
  for (size_t i = 0; i < table->source_count; i++) {
    if (i)
      (void)buf_add_char(out, ',');
    (void)json_write_string(out, table->sources[i].key);
    (void)buf_add_char(out, ':');
    (void)json_write_string(out, table->sources[i].revision);
  }
  (void)buf_add_char(out, '}');
  return out->failed ? RC_LIMIT : 0;
}

struct ack *ack_new(struct kube_client *client, const struct ack_options *options) {
  struct ack *ack = XNEW(struct ack);
  arena_init(&ack->arena);
  ack->client = client;
  ack->options = *options;
  ack->options.name = arena_str(&ack->arena, options->name);
  ack->options.namespace_ = arena_str(&ack->arena, options->namespace_);
  return ack;
}

static void ack_fail(struct ack *ack, const struct err *err) {
  if (ack->options.failed)
    ack->options.failed(err, ack->options.data);
}

static void ack_offer_drop(struct ack *ack) {
  struct ack_offer *offer = ack->offers;
  ack->offers = offer->next;
  ack->offer_count--;
  buf_dispose(&offer->text);
  xfree(offer);
}

void ack_offer(struct ack *ack, const struct proxy_table *table) {
  if (ack->offer_count == ACK_OFFERS_MAX)
    ack_offer_drop(ack);
  struct ack_offer *offer = XNEW(struct ack_offer);
  ack->offer_count++;
  offer->version = table->version;
  buf_init(&offer->text, ACK_TEXT_MAX);
  struct ack_offer **end = &ack->offers;
  while (*end)
    end = &(*end)->next;
  *end = offer;
  if (ack_text(&offer->text, table)) {
    // A cut list would tell the operator of objects that are not served; an empty one makes it wait
    // and say so.
    struct err err;
    err_set(&err, RC_LIMIT, "%zu routing objects are too many for one Lease", table->source_count);
    ack_fail(ack, &err);
    buf_reset(&offer->text);
    (void)buf_add_z(&offer->text, "{}");
  }
}

static int ack_open(struct ack *ack, struct err *err) {
  struct arena scratch;
  arena_init(&scratch);
  struct json *labels = json_new_object(&scratch);
  (void)json_put_z(&scratch, labels, "serin.dev/component", "proxy");
  const struct kube_publish_options options = {
      .ns = ack->options.namespace_,
      .name = arena_printf(&scratch, "serin-proxy-%.*s", STR_ARG(ack->options.name)),
      .holder = ack->options.name,
      .labels = labels,
      .lease_ms = ACK_LEASE_MS,
      .period_ms = ACK_PERIOD_MS,
      .failed = ack->options.failed,
      .data = ack->options.data,
  };
  int rc = kube_publish_open(ack->client, &options, &ack->publish, err);
  arena_dispose(&scratch);
  return rc;
}

void ack_confirm(struct ack *ack, uint64_t version) {
  struct err err;
  while (ack->offers && ack->offers->next && ack->offers->next->version <= version)
    ack_offer_drop(ack);
  if (!ack->offers || ack->offers->version > version)
    return;
  if (!ack->publish && ack_open(ack, &err)) {
    ack_fail(ack, &err);
    return;
  }
  kube_publish_set(ack->publish, ACK_ANNOTATION, buf_str(&ack->offers->text));
  ack_offer_drop(ack);
}

static void ack_on_closed(void *data) {
  struct ack *ack = data;
  void (*closed)(void *) = ack->closed;
  void *closed_data = ack->closed_data;
  arena_dispose(&ack->arena);
  xfree(ack);
  if (closed)
    closed(closed_data);
}

void ack_leave(struct ack *ack) {
  if (ack->publish)
    kube_publish_leave(ack->publish);
}

bool ack_close(struct ack *ack, void (*closed)(void *data), void *data) {
  while (ack->offers)
    ack_offer_drop(ack);
  if (!ack->publish) {
    arena_dispose(&ack->arena);
    xfree(ack);
    return false;
  }
  ack->closed = closed;
  ack->closed_data = data;
  kube_publish_close(ack->publish, ack_on_closed, ack);
  return true;
}
