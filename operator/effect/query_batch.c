// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/query_batch.h"
#include "operator/effect/prometheus_source.h"
#include "manifests/base/bug.h"
#include "manifests/source/file.h"

#define CREDENTIAL_MAX (64u << 10)

struct batch_query {
  struct query_batch *batch;
  struct query_item *item;
  struct http_op op;
  struct str secrets[PROMETHEUS_SECRETS]; // of its request: no message may repeat them
};

int prometheus_target_check(struct prometheus_target *target, struct err *err) {
  struct str address = target->address;
  bool https = str_starts(address, STR("https://"));
  if (!https && !str_starts(address, STR("http://")))
    return err_set(err, RC_INVALID,
                   "--prometheus: expected http://... or https://..., found \"%.*s\"",
                   STR_ARG(address));
  if (str_find_char(address, '@') >= 0)
    return err_set(err, RC_INVALID,
                   "--prometheus: credentials belong into files: --prometheus-credentials DIR");
  while (str_ends(address, STR("/")))
    address = str_slice(address, 0, address.len - 1);
  target->address = address;
  return RC_OK;
}

static int read_credentials(const struct prometheus_target *target, struct arena *arena,
                            struct http_request *request, struct err *err) {
  const struct {
    const char *name;
    struct str *value;
    bool one_line;
  } files[] = {
      {"token", &request->bearer, true},          {"username", &request->user, true},
      {"password", &request->password, true},     {"ca.crt", &request->tls.ca_pem, false},
      {"tls.crt", &request->tls.cert_pem, false}, {"tls.key", &request->tls.key_pem, false}};
  for (size_t i = 0; target->credentials.len && i < ARRAY_LEN(files); i++) {
    struct str path = arena_printf(arena, "%.*s/%s", STR_ARG(target->credentials), files[i].name);
    int rc = file_read(path.ptr, CREDENTIAL_MAX, arena, files[i].value, err);
    if (rc == RC_NOT_FOUND)
      *files[i].value = STR_NULL;
    else if (rc != RC_OK)
      return rc;
    if (files[i].one_line)
      *files[i].value = str_trim(*files[i].value);
  }
  if (err)
    *err = (struct err){0};
  return RC_OK;
}

static void on_reply(struct http_op *op, const struct http_reply *reply, const struct err *err) {
  struct batch_query *query = container_of(op, struct batch_query, op);
  struct query_batch *batch = query->batch;
  struct prom_result *result = reply
                                   ? prom_parse_hiding(reply->status, reply->body, query->secrets,
                                                       PROMETHEUS_SECRETS, batch->arena)
                                   : prom_failed(batch->arena, arena_strz(batch->arena, err->msg));
  if (query->item->member_count)
    prom_sort(result, STR("destination_service"));
  query->item->result = result;
  if (--batch->pending == 0)
    batch->done(batch);
}

static int ask(struct query_batch *batch, struct batch_query *query, struct err *err) {
  struct arena *arena = batch->arena;
  struct http_header type = {STR("Content-Type"), STR("application/x-www-form-urlencoded")};
  struct http_request request = {
      .method = "POST",
      .url = arena_printf(arena, "%.*s/api/v1/query", STR_ARG(batch->target->address)),
      .headers = &type,
      .header_count = 1,
      .deadline_ms = batch->target->timeout_ms};
  int rc = read_credentials(batch->target, arena, &request, err);
  if (rc != RC_OK)
    return rc;
  prometheus_request_secrets(&request, arena, query->secrets);
  request.body = arena_printf(arena, "query=%.*s&timeout=%lldms",
                              STR_ARG(http_escape(arena, query->item->text)),
                              (long long)batch->target->timeout_ms);
  if (batch->at_ms)
    request.body =
        arena_printf(arena, "%.*s&time=%.3f", STR_ARG(request.body), (double)batch->at_ms / 1000);
  return http_start(batch->http, &request, &query->op, on_reply, err);
}

bool query_batch_start(struct query_batch *batch) {
  batch->queries = ARENA_ARRAY(batch->arena, struct batch_query, batch->plan->count + 1);
  batch->pending = 1; // ours, so that nothing is done before all are asked
  for (size_t i = 0; i < batch->plan->count; i++) {
    struct err err = {0};
    struct query_item *item = &batch->plan->items[i];
    batch->queries[i] = (struct batch_query){.batch = batch, .item = item};
    if (item->result)
      continue;
    if (ask(batch, &batch->queries[i], &err) == RC_OK)
      batch->pending++;
    else
      item->result = prom_failed(batch->arena, arena_strz(batch->arena, err.msg));
  }
  return --batch->pending > 0;
}

void query_batch_cancel(struct query_batch *batch) {
  for (size_t i = 0; batch->queries && batch->pending && i < batch->plan->count; i++)
    http_cancel(&batch->queries[i].op);
}
