// SPDX-License-Identifier: Apache-2.0
// Requests, split by NUL, to a fresh API server without sockets: each is "METHOD
// URL\nCONTENT-TYPE\nBODY". Whatever comes, there is an answer with a status, watches can be
// opened, and what is stored is JSON that a list gives back.
#include "manifests/base/bug.h"
#include "operator/standalone/api.h"
#include "operator/standalone/auth_role.h"
#include "operator/standalone/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char store_path[64];

static char store_dir[] = "/tmp/serin-fuzz-XXXXXX";

static void clean_up(void) {
  static const char *const ends[] = {"", "-wal", "-shm"};
  for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    char path[96];
    snprintf(path, sizeof(path), "%s%s", store_path, ends[i]);
    unlink(path);
  }
  rmdir(store_dir);
}

static void prepare_path(void) {
  if (store_path[0])
    return;
  BUG_ON(!mkdtemp(store_dir));
  snprintf(store_path, sizeof(store_path), "%s/store.db", store_dir);
  atexit(clean_up);
}

static void wake(void *data) {
  (void)data;
}

static void ask(struct api *api, struct str text, bool json_answer) {
  struct arena arena;
  struct rest_reply reply;
  struct str method, url, type = STR(""), rest = text, line;
  arena_init(&arena);
  struct api_call call = {
      .arena = &arena, .user = &api->user, .user_agent = STR("fuzz/1"), .now_ms = 1700000000000};
  if (!str_next(&rest, '\n', &line) || !str_next(&line, ' ', &method))
    return;
  url = line.ptr ? line : STR("");
  if (rest.ptr)
    (void)str_next(&rest, '\n', &type);
  struct rest_request request = {.method = method,
                                 .url = url,
                                 .accept = STR("application/json"),
                                 .content_type = type,
                                 .user_agent = STR("fuzz/1"),
                                 .body = rest.ptr ? rest : STR(""),
                                 .user = &api->user};
  rest_handle(api, &call, &request, &reply);
  BUG_ON(reply.status < 200 || reply.status > 599);
  if (reply.kind == REST_REPLY_WATCH) {
    struct watch *watch = NULL;
    char bytes[4096];
    if (watch_open(api->hub, &call, &reply.watch, wake, NULL, &watch) == 0) {
      (void)watch_read(watch, bytes, sizeof(bytes));
      watch_close(watch);
    }
  } else if (json_answer) {
    struct json *json;
    BUG_ON(reply.status != 200 || json_parse(buf_str(&reply.body), &arena, &json, NULL));
  }
  api_log_close(reply.log);
  buf_dispose(&reply.body);
  arena_dispose(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct str groups[] = {{"system:masters", 14}};
  struct api api = {.user = {.name = STR("fuzz"),
                             .groups = groups,
                             .group_count = 1,
                             .role = auth_role_find(STR("admin"))},
                    .data = "/nonexistent"};
  struct str all = {(const char *)data, size}, one;
  prepare_path();
  BUG_ON(store_open(store_path, &api.store, NULL));
  api.hub = watch_hub_new(api.store);
  BUG_ON(api_prepare(&api, NULL)); // commits only the first time
  for (int i = 0; i < 6 && all.ptr && str_next(&all, '\0', &one); i++)
    ask(&api, one, false);
  ask(&api, STR("GET /api/v1/namespaces/default/configmaps"), true);
  ask(&api, STR("GET /apis/apps/v1/deployments"), true);
  watch_hub_free(api.hub);
  api_dispose(&api);
  store_close(api.store); // nothing was committed: the next input starts afresh
  return 0;
}
