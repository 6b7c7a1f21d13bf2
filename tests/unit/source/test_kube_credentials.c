// SPDX-License-Identifier: Apache-2.0
// A server that takes one token only, and the ways to come by it.
#include "manifests/base/bug.h"
#include "tests/unit/source/support_clock.h"
#include "tests/unit/source/support_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define CALLS 3

struct world {
  struct fixture fixture;
  const char *good; // the token that is taken
  int refused, busy;
  char dir[64], file[96], script[256];
  struct str args[2];
  struct kube_exec_env env;
};

struct call {
  struct kube_op op;
  bool finished;
  int rc;
  char message[1024];
};

static const struct kube_resource pods = {"", "v1", "Pod", "pods", true};

static void handle(struct server_conn *conn, const struct server_request *request, void *data) {
  struct world *world = data;
  struct str rest = request->head, shown = STR_NULL;
  http_next_header(&rest, "Authorization", &shown);
  if (world->busy > 0) {
    world->busy--;
    server_reply(conn, 429, "Retry-After: 1\r\n", "{}");
  } else if (!str_ends(shown, str_of(world->good))) {
    world->refused++;
    server_reply(conn, 401, "", "{\"kind\":\"Status\",\"message\":\"Unauthorized\"}");
  } else {
    server_reply(conn, 200, "", "{\"kind\":\"PodList\",\"items\":[]}");
  }
}

static void on_done(struct kube_op *op, const struct kube_reply *reply) {
  struct call *call = container_of(op, struct call, op);
  call->finished = true;
  call->rc = reply->rc;
  snprintf(call->message, sizeof call->message, "%s", reply->err ? reply->err->msg : "");
}

static void start(struct world *world, struct call *call) {
  struct kube_request request = {.verb = KUBE_LIST, .resource = &pods};
  memset(call, 0, sizeof *call);
  assert_int_equal(kube_start(world->fixture.kube, &request, &call->op, on_done, NULL), RC_OK);
}

static int run(struct world *world, char message[1024]) {
  struct call call;
  start(world, &call);
  fixture_run_until(&world->fixture, &call.finished);
  memcpy(message, call.message, sizeof call.message);
  return call.rc;
}

static void put(const struct world *world, const char *text) {
  FILE *file = fopen(world->file, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void open_world(struct world *world) {
  memset(world, 0, sizeof *world);
  world->good = "good";
  snprintf(world->dir, sizeof world->dir, "/tmp/unit-source-XXXXXX");
  assert_non_null(mkdtemp(world->dir));
  snprintf(world->file, sizeof world->file, "%s/file", world->dir);
  fixture_open(&world->fixture, handle, world);
}

static void close_world(struct world *world) {
  fixture_close(&world->fixture);
  unlink(world->file);
  rmdir(world->dir);
}

// A plugin that counts its runs in the file and prints what `answer` makes of it in $n.
static void use_plugin(struct world *world, const char *answer) {
  struct kube_exec *exec = &world->fixture.config.exec;
  snprintf(world->script, sizeof world->script, "echo x >> %s; n=$(wc -l < %s); %s", world->file,
           world->file, answer);
  world->args[0] = STR("-c");
  world->args[1] = str_of(world->script);
  world->env = (struct kube_exec_env){STR("KIND"), STR("ExecCredential")};
  *exec = (struct kube_exec){.command = STR("sh"),
                             .api_version = STR("client.authentication.k8s.io/v1"),
                             .args = world->args,
                             .arg_count = 2,
                             .env = &world->env,
                             .env_count = 1,
                             .install_hint = STR("install it first"),
                             .info = STR("{}")};
}

static int runs_of_plugin(const struct world *world) {
  int lines = 0, c;
  FILE *file = fopen(world->file, "r");
  while (file && (c = fgetc(file)) != EOF)
    lines += c == '\n';
  if (file)
    fclose(file);
  return lines;
}

#define PRINT(token)                                                                               \
  "echo '{\"kind\":\"'$KIND'\",\"apiVersion\":\"client.authentication.k8s.io/v1\","                \
  "\"status\":{\"token\":\"'" token "'\"}}'"

static void test_a_token_file_is_read_again_when_it_is_refused(void **state) {
  (void)state;
  struct world world;
  char message[1024];
  open_world(&world);
  put(&world, "good\n");
  world.fixture.config.token_file = str_of(world.file);
  assert_int_equal(run(&world, message), RC_OK);
  world.good = "newer";
  put(&world, "newer\n");
  clock_advance(1100); // the file is read at most once a second
  assert_int_equal(run(&world, message), RC_OK);
  assert_int_equal(world.refused, 1);
  unlink(world.file); // what we have stays
  assert_int_equal(run(&world, message), RC_OK);
  close_world(&world);
}

static void test_a_plugin_is_run_once_for_all_who_wait(void **state) {
  (void)state;
  struct world world;
  struct call calls[CALLS];
  open_world(&world);
  use_plugin(&world, PRINT("good"));
  for (size_t i = 0; i < CALLS; i++)
    start(&world, &calls[i]);
  for (size_t i = 0; i < CALLS; i++) {
    fixture_run_until(&world.fixture, &calls[i].finished);
    assert_int_equal(calls[i].rc, RC_OK);
  }
  assert_int_equal(runs_of_plugin(&world), 1);
  close_world(&world);
}

static void test_a_refused_credential_is_fetched_anew(void **state) {
  (void)state;
  struct world world;
  char message[1024];
  open_world(&world);
  use_plugin(&world, "test $n = 1 && t=good || t=newer; " PRINT("$t"));
  assert_int_equal(run(&world, message), RC_OK);
  world.good = "newer";
  clock_advance(1100); // a plugin is run again at most once a second
  assert_int_equal(run(&world, message), RC_OK);
  assert_int_equal(runs_of_plugin(&world), 2);
  world.good = "none";
  clock_advance(1100);
  assert_int_equal(run(&world, message), RC_UNAUTHORIZED); // and not again and again
  assert_int_equal(runs_of_plugin(&world), 3);
  close_world(&world);
}

static void test_an_expired_credential_is_fetched_anew(void **state) {
  (void)state;
  struct world world;
  char message[1024];
  open_world(&world);
  use_plugin(&world, "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":"
                     "\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"good\","
                     "\"expirationTimestamp\":\"2001-01-01T00:00:00Z\"}}'");
  assert_int_equal(run(&world, message), RC_OK);
  assert_int_equal(run(&world, message), RC_OK);
  assert_int_equal(runs_of_plugin(&world), 2);
  close_world(&world);
}

static void test_a_plugin_that_fails_says_why(void **state) {
  (void)state;
  static const struct {
    const char *answer, *says;
  } cases[] = {{"exit 3", "ended with code 3; install it first"},
               {"kill -9 $$", "signal 9"},
               {"echo secret", "not JSON"},
               {"head -c 2000000 /dev/zero", "more than"}};
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct world world;
    char message[1024];
    open_world(&world);
    use_plugin(&world, cases[i].answer);
    assert_int_equal(run(&world, message), RC_UNAVAILABLE);
    if (!strstr(message, cases[i].says))
      print_error("%s\n", message);
    assert_non_null(strstr(message, cases[i].says));
    assert_null(strstr(message, "secret"));
    assert_int_equal(run(&world, message), RC_UNAVAILABLE); // remembered for a while
    assert_int_equal(runs_of_plugin(&world), 1);
    close_world(&world);
  }
}

static void test_a_plugin_that_is_not_there(void **state) {
  (void)state;
  struct world world;
  char message[1024];
  open_world(&world);
  use_plugin(&world, "true");
  world.fixture.config.exec.command = STR("no-such-plugin");
  assert_int_equal(run(&world, message), RC_UNAVAILABLE);
  assert_non_null(strstr(message, "cannot be started"));
  assert_non_null(strstr(message, "install it first"));
  close_world(&world);
}

static void test_who_waits_can_be_canceled(void **state) {
  (void)state;
  struct world world;
  struct call call;
  open_world(&world);
  use_plugin(&world, "sleep 60");
  start(&world, &call);
  kube_cancel(&call.op);
  assert_false(call.finished);
  fixture_run_until(&world.fixture, &call.finished);
  assert_int_equal(call.rc, RC_CANCELED);
  close_world(&world); // ends at once: the plugin was killed
}

static void test_patience_with_a_busy_server(void **state) {
  (void)state;
  struct world world;
  struct call call;
  char message[1024];
  open_world(&world);
  world.fixture.config.token = STR("good");
  world.busy = 1;
  assert_int_equal(run(&world, message), RC_TOO_MANY); // who plans anew is told at once
  kube_client_be_patient(world.fixture.kube, 1500);
  world.busy = 1;
  assert_int_equal(run(&world, message), RC_OK);
  world.busy = 9;
  assert_int_equal(run(&world, message), RC_TOO_MANY); // patience ends
  world.busy = 9;
  start(&world, &call);
  kube_cancel(&call.op);
  fixture_run_until(&world.fixture, &call.finished);
  assert_int_equal(call.rc, RC_CANCELED);
  close_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_token_file_is_read_again_when_it_is_refused),
      cmocka_unit_test(test_a_plugin_is_run_once_for_all_who_wait),
      cmocka_unit_test(test_a_refused_credential_is_fetched_anew),
      cmocka_unit_test(test_an_expired_credential_is_fetched_anew),
      cmocka_unit_test(test_a_plugin_that_fails_says_why),
      cmocka_unit_test(test_a_plugin_that_is_not_there),
      cmocka_unit_test(test_who_waits_can_be_canceled),
      cmocka_unit_test(test_patience_with_a_busy_server),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
