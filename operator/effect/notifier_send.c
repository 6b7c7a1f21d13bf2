// SPDX-License-Identifier: Apache-2.0
// One try of one delivery: the Secret is read, the message signed and posted, the answer judged.
// Address, key and the receiver's answer are shown nowhere.
#include "manifests/base/bug.h"
#include "manifests/base/clock.h"
#include "manifests/base/log.h"
#include "manifests/kinds/secret.h"
#include "manifests/text/base64.h"
#include "manifests/source/kube_resource.h"
#include "operator/effect/notifier_parts.h"
#include "operator/effect/webhook.h"

#define TRY_MS 10000          // for one call
#define REPLY_MAX (64u << 10) // of an answer that nobody reads
#define TROUBLE_MAX 200

struct from_secret {
  struct str url, key, ca_pem;
};

// --- how a try ends ---

static void ended(struct delivery *d, enum delivery_state state, int64_t retry_after_ms) {
  struct notifier *notifier = d->notifier;
  notifier->running--;
  d->in_namespace->running--;
  arena_dispose(&d->try_arena);
  arena_init(&d->try_arena);
  if (d->gone) {
    bool closing = notifier->closing; // freed with the last delivery
    delivery_free(d);
    if (!closing)
      notifier_arm(notifier);
    return;
  }
  d->tries++;
  d->state = state;
  notifier->delivered += state == DELIVERY_TAKEN;
  notifier->failed += state != DELIVERY_TAKEN;
  if (state == DELIVERY_WAITS) {
    d->due_ms =
        clock_mono_ms() + webhook_wait_ms(d->tries, rng_double(&notifier->rng), retry_after_ms);
    if (d->due_ms >= d->end_ms)
      d->state = DELIVERY_DROPPED;
  }
  notifier->dropped += d->state == DELIVERY_DROPPED;
  if (d->state == DELIVERY_TAKEN)
    LOG(LOG_INFO, "notified", LOG_S("rollout", d->key), LOG_S("event", d->event),
        LOG_S("receiver", d->target));
  else
    LOG(LOG_WARN, d->state == DELIVERY_DROPPED ? "notification given up" : "notification failed",
        LOG_S("rollout", d->key), LOG_S("event", d->event), LOG_S("receiver", d->target),
        LOG_S("error", d->trouble), LOG_I("tries", d->tries));
  if (!d->orphan)
    notifier->options.settled(d->key, notifier->options.data);
  else if (d->state >= DELIVERY_TAKEN)
    delivery_free(d);
  notifier_arm(notifier);
}

static void fails(struct delivery *d, enum delivery_state state, int64_t retry_after_ms,
                  struct str text) {
  struct str cut = str_slice(text, 0, text.len < TROUBLE_MAX ? text.len : TROUBLE_MAX);
  if (!str_eq(d->trouble, cut))
    d->trouble = arena_str(&d->arena, cut);
  ended(d, state, retry_after_ms);
}

// The library's own words may name the address: only the kind of trouble is told.
static const char *words_of(int rc) {
  switch (rc) {
  case RC_TIMEOUT: return "no answer in time";
  case RC_DENIED: return "its certificate is not trusted";
  case RC_LIMIT: return "its answer is too long";
  case RC_USAGE: return "its address is not valid";
  default: return "it cannot be reached";
  }
}

static void on_posted(struct http_op *op, const struct http_reply *reply, const struct err *err) {
  struct delivery *d = container_of(op, struct delivery, http_op);
  if (!reply && d->was_refused && !d->was_allowed && err->rc != RC_CANCELED) {
    fails(d, DELIVERY_DROPPED, 0, str_of(notify_rules_refusal));
    return;
  }
  if (!reply) {
    fails(d, DELIVERY_WAITS, 0, str_of(words_of(err->rc)));
    return;
  }
  const char *words;
  enum webhook_answer answer = webhook_judge(reply->status, &words);
  if (answer == WEBHOOK_TAKEN) {
    ended(d, DELIVERY_TAKEN, 0);
    return;
  }
  fails(d, answer == WEBHOOK_AGAIN ? DELIVERY_WAITS : DELIVERY_DROPPED,
        webhook_retry_after_ms(http_reply_header(reply, "Retry-After")),
        arena_printf(&d->try_arena, "HTTP %d, %s", reply->status, words));
}

// --- sending ---

static bool may_connect(const struct sockaddr *address, void *data) {
  struct delivery *d = data;
  bool may = notify_rules_may_connect(&d->notifier->options.rules, address);
  d->was_allowed |= may;
  d->was_refused |= !may;
  return may;
}

static void post(struct delivery *d, const struct from_secret *secret) {
  struct arena *arena = &d->try_arena;
  const struct notify_rules *rules = &d->notifier->options.rules;
  int64_t seconds = clock_wall_ms() / 1000;
  struct http_header headers[WEBHOOK_HEADERS_MAX] = {
      {STR("Content-Type"), STR("application/json")},
      {STR("User-Agent"), STR("serin")},
      {STR("webhook-id"), d->id},
      {STR("webhook-timestamp"), arena_printf(arena, "%lld", (long long)seconds)},
      {STR("serin-event"), d->event},
  };
  size_t count = 5;
  if (secret->key.len)
    headers[count++] = (struct http_header){
        STR("webhook-signature"), webhook_signature(secret->key, d->id, seconds, d->body, arena)};
  struct http_request request = {.method = "POST",
                                 .url = d->url.len ? d->url : secret->url,
                                 .headers = headers,
                                 .header_count = count,
                                 .body = d->body,
                                 .proxy = rules->proxy,
                                 .tls = {.ca_pem = secret->ca_pem},
                                 .deadline_ms = TRY_MS,
                                 .max_reply = REPLY_MAX};
  if (!d->is_default && !rules->proxy.len) {
    request.may_connect = may_connect;
    request.may_connect_data = d;
  }
  d->was_allowed = d->was_refused = false;
  const char *problem = rollout_notification_url_problem(request.url, d->allow_http);
  const char *refused = d->is_default ? NULL : notify_rules_url_problem(rules, request.url, arena);
  struct err err = {0};
  if (problem)
    fails(d, DELIVERY_WAITS, 0, str_of(problem));
  else if (refused)
    fails(d, DELIVERY_DROPPED, 0, str_of(refused));
  else if (http_start(kube_client_http(d->notifier->options.kube), &request, &d->http_op, on_posted,
                      &err) != RC_OK)
    fails(d, DELIVERY_WAITS, 0, str_of(words_of(RC_USAGE)));
}

static int value_of(const struct json *secret, const char *key, struct arena *arena,
                    struct str *ret_value, struct err *err) {
  struct str text = json_get_string(json_get(secret, "data"), key);
  if (text.len && !base64_decode(text, arena, ret_value))
    return err_set(err, RC_INVALID, "its %s is not base64", key);
  return RC_OK;
}

static int read_secret(struct delivery *d, const struct json *json, struct from_secret *ret,
                       struct err *err) {
  struct arena *arena = &d->try_arena;
  struct str key = STR_NULL;
  int rc = value_of(json, "url", arena, &ret->url, err);
  if (rc == RC_OK)
    rc = value_of(json, "ca.crt", arena, &ret->ca_pem, err);
  if (rc == RC_OK)
    rc = value_of(json, "key", arena, &key, err);
  ret->url = str_trim(ret->url); // files end in a newline
  if (rc == RC_OK && key.len)
    rc = webhook_key(key, arena, &ret->key, err);
  if (rc == RC_OK && !ret->key.len && d->form == NOTIFICATION_GENERIC)
    rc = err_set(err, RC_INVALID, "it has no key \"key\" to sign with");
  if (rc == RC_OK && !ret->url.len && !d->url.len)
    rc = err_set(err, RC_INVALID, "it has no key \"url\", and the Rollout names no address");
  return rc;
}

static void on_secret(struct kube_op *op, const struct kube_reply *reply) {
  struct delivery *d = container_of(op, struct delivery, secret_op);
  struct err err = {0};
  struct from_secret secret = {0};
  if (d->gone) {
    ended(d, DELIVERY_WAITS, 0);
    return;
  }
  if (reply->rc != RC_OK)
    err_set(&err, reply->rc, "%s",
            reply->rc == RC_NOT_FOUND ? "it does not exist"
            : reply->rc == RC_DENIED  ? "the operator may not read it: grant get on it by name"
                                      : "it cannot be read");
  else
    (void)read_secret(d, reply->object, &secret, &err);
  if (err.rc) {
    fails(d, DELIVERY_WAITS, 0,
          arena_printf(&d->try_arena, "Secret %.*s/%.*s: %s", STR_ARG(d->secret_ns),
                       STR_ARG(d->secret_name), err.msg));
    return;
  }
  post(d, &secret);
}

void delivery_start(struct delivery *d) {
  static const struct kube_resource secrets = {"", "v1", "Secret", "secrets", true};
  struct err err = {0};
  d->state = DELIVERY_RUNS;
  d->notifier->running++;
  d->in_namespace->running++;
  if (!d->secret_name.len) {
    post(d, &(struct from_secret){0});
    return;
  }
  struct kube_request request = {.verb = KUBE_GET,
                                 .resource = &secrets,
                                 .ns = d->secret_ns,
                                 .name = d->secret_name,
                                 .deadline_ms = TRY_MS};
  if (kube_start(d->notifier->options.kube, &request, &d->secret_op, on_secret, &err) != RC_OK)
    fails(d, DELIVERY_WAITS, 0, STR("its Secret cannot be asked for"));
}
