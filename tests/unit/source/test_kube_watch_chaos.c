// SPDX-License-Identifier: Apache-2.0
// A watch cache against a server that changes its objects all the time and breaks whatever it can:
// the cache ends up equal to the server, and the events, taken one by one, always tell the truth.
#include "manifests/base/bug.h"
#include "manifests/base/rng.h"
#include "manifests/source/kube_watch.h"
#include "tests/unit/source/support_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NAMES 12
#define EVENTS_MAX 4000
#define CHANGES 1500

static const struct kube_resource things = {"", "v1", "ConfigMap", "configmaps", true};

struct change {
  int name;
  enum kube_event event;
};

struct world {
  struct fixture fixture;
  struct rng rng;
  int revisions[NAMES];              // of each object as the server has it; 0: absent
  struct change history[EVENTS_MAX]; // history[r] made revision r
  int revision, oldest;              // below `oldest` all is compacted
  int mirror[NAMES];                 // as the events told
  struct server_conn *streams[64];   // open ones, by number of connection; NULL when closed
  bool calm, equal;
  uv_timer_t ticker;
  struct kube_watch *watch;
};

static struct str object_text(struct arena *arena, int name, int revision) {
  return arena_printf(
      arena, "{\"metadata\":{\"namespace\":\"n\",\"name\":\"o%d\",\"resourceVersion\":\"%d\"}}",
      name, revision);
}

static void send_list(struct world *world, struct server_conn *conn) {
  struct arena arena = {0};
  struct buf body;
  buf_init(&body, 1u << 20);
  buf_addf(&body, "{\"metadata\":{\"resourceVersion\":\"%d\"},\"items\":[", world->revision);
  bool first = true;
  for (int i = 0; i < NAMES; i++)
    if (world->revisions[i]) {
      buf_addf(&body, "%s%.*s", first ? "" : ",",
               STR_ARG(object_text(&arena, i, world->revisions[i])));
      first = false;
    }
  buf_add_z(&body, "]}");
  server_reply(conn, 200, "", buf_z(&body));
  buf_dispose(&body);
  arena_dispose(&arena);
}

static void send_event(struct world *world, struct server_conn *conn, int revision) {
  static const char *const types[] = {"ADDED", "MODIFIED", "DELETED"};
  struct arena arena = {0};
  const struct change *change = &world->history[revision];
  struct str line =
      arena_printf(&arena, "{\"type\":\"%s\",\"object\":%.*s}\n", types[change->event],
                   STR_ARG(object_text(&arena, change->name, revision)));
  if (rng_below(&world->rng, 4) == 0) { // in two chunks
    size_t cut = rng_below(&world->rng, line.len - 1) + 1;
    server_chunk(conn, arena_str(&arena, str_slice(line, 0, cut)).ptr);
    line = arena_str(&arena, str_slice(line, cut, line.len));
  }
  server_chunk(conn, line.ptr);
  arena_dispose(&arena);
}

static void send_expired(struct server_conn *conn) {
  server_chunk(conn, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410}}\n");
}

static void serve_watch(struct world *world, struct server_conn *conn, int connection, int from) {
  if (from < world->oldest && rng_below(&world->rng, 2)) {
    server_reply(conn, 410, "", "{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\"}");
    return;
  }
  server_begin_chunks(conn);
  if (from < world->oldest) {
    send_expired(conn);
    server_end_chunks(conn);
    return;
  }
  for (int r = from + 1; r <= world->revision; r++)
    send_event(world, conn, r);
  // One watch, one stream at a time: what was open before is gone.
  memset(world->streams, 0, sizeof world->streams);
  world->streams[connection % 64] = conn;
}

static void handle(struct server_conn *conn, const struct server_request *request, void *data) {
  struct world *world = data;
  memset(world->streams, 0, sizeof world->streams); // a new request: no stream is open any more
  if (!world->calm && rng_below(&world->rng, 8) == 0) {
    if (rng_below(&world->rng, 2))
      server_hang_up(conn);
    else
      server_reply(conn, 503, "", "{}");
    return;
  }
  struct str rest = request->target, part;
  int64_t from = -1;
  bool is_watch = str_contains(request->target, STR("watch=true"));
  str_next(&rest, '?', &part);
  while (str_next(&rest, '&', &part))
    if (str_starts(part, STR("resourceVersion=")))
      assert_true(str_to_i64(str_slice(part, 16, part.len), &from));
  if (is_watch)
    serve_watch(world, conn, request->conn_number, (int)from);
  else
    send_list(world, conn);
}

static void make_change(struct world *world) {
  int name = (int)rng_below(&world->rng, NAMES);
  enum kube_event event = !world->revisions[name]          ? KUBE_ADDED
                          : rng_below(&world->rng, 3) == 0 ? KUBE_DELETED
                                                           : KUBE_MODIFIED;
  world->history[++world->revision] = (struct change){name, event};
  world->revisions[name] = event == KUBE_DELETED ? 0 : world->revision;
}

static void break_something(struct world *world, struct server_conn *stream) {
  switch (rng_below(&world->rng, 12)) {
  case 0: server_hang_up(stream); break;
  case 1: server_end_chunks(stream); break;
  case 2: send_expired(stream); break;
  case 3: server_chunk(stream, "garbage\n"); break;
  case 4: world->oldest = world->revision - 3; return; // compaction breaks nothing that runs
  default: return;
  }
  memset(world->streams, 0, sizeof world->streams);
}

static bool is_equal(const struct world *world) {
  for (int i = 0; i < NAMES; i++)
    if (world->mirror[i] != world->revisions[i])
      return false;
  return kube_watch_is_synced(world->watch);
}

static void on_tick(uv_timer_t *timer) {
  struct world *world = timer->data;
  struct server_conn *stream = NULL;
  for (int i = 0; i < 64 && !stream; i++)
    stream = world->streams[i];
  bool ended = world->revision >= CHANGES;
  world->calm = ended && world->fixture.server.requests > 10; // it did break, again and again
  uint64_t changes = ended ? 0 : rng_below(&world->rng, 4);
  for (uint64_t i = 0; i < changes; i++) {
    make_change(world);
    if (stream)
      send_event(world, stream, world->revision);
  }
  if (stream && !world->calm)
    break_something(world, stream);
  world->equal = world->calm && is_equal(world);
}

static void on_event(struct kube_watch *watch, enum kube_event event, struct str key,
                     const struct json *object, const struct json *old, void *data) {
  struct world *world = data;
  int64_t name, revision;
  (void)watch;
  assert_true(str_starts(key, STR("n/o")));
  assert_true(str_to_i64(str_slice(key, 3, key.len), &name));
  assert_true(str_to_i64(kube_revision(object), &revision));
  int *mirror = &world->mirror[name];
  assert_true((*mirror == 0) == (event == KUBE_ADDED)); // ADDED only what was not there
  assert_true(!old == (event == KUBE_ADDED));
  assert_true(event == KUBE_DELETED || revision > *mirror); // never back in time
  *mirror = event == KUBE_DELETED ? 0 : (int)revision;
}

static void check_cache(const struct world *world) {
  size_t count = 0;
  for (int i = 0; i < NAMES; i++) {
    struct arena arena = {0};
    const struct json *object =
        kube_watch_get(world->watch, STR("n"), arena_printf(&arena, "o%d", i));
    assert_true((object != NULL) == (world->revisions[i] != 0));
    if (object)
      assert_true(str_eq(kube_revision(object), arena_printf(&arena, "%d", world->revisions[i])));
    count += object != NULL;
    arena_dispose(&arena);
  }
  assert_int_equal(kube_watch_count(world->watch), count);
}

static void test_the_cache_follows_through_all_breakage(void **state) {
  (void)state;
  static struct world world; // too large for the stack
  for (uint64_t seed = 1; seed <= 3; seed++) {
    memset(&world, 0, sizeof world);
    rng_init(&world.rng, seed);
    fixture_open(&world.fixture, handle, &world);
    uv_timer_init(&world.fixture.loop, &world.ticker);
    world.ticker.data = &world;
    uv_timer_start(&world.ticker, on_tick, 1, 1);
    struct kube_watch_options options = {.resource = &things, .event = on_event, .data = &world};
    assert_int_equal(kube_watch_open(world.fixture.kube, &options, &world.watch, NULL), RC_OK);
    fixture_run_until(&world.fixture, &world.equal);
    check_cache(&world);
    kube_watch_close(world.watch, NULL, NULL);
    uv_close((uv_handle_t *)&world.ticker, NULL);
    fixture_close(&world.fixture);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_cache_follows_through_all_breakage)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
