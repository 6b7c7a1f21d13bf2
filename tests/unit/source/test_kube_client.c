// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/bug.h"
#include "tests/unit/source/support_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct kube_resource deployments = {"apps", "v1", "Deployment", "deployments", true};

struct answer {
  int status;
  const char *headers, *body;
  struct buf got; // method, target, type and body of the request
};

struct call {
  struct kube_op op;
  bool finished;
  int rc, http_status;
  int64_t retry_after_ms;
  char reason[64], message[256];
  struct arena arena;
  struct json *object;
};

static void handle(struct server_conn *conn, const struct server_request *request, void *data) {
  struct answer *answer = data;
  struct str rest = request->head, type = STR("-");
  http_next_header(&rest, "Content-Type", &type);
  buf_reset(&answer->got);
  buf_addf(&answer->got, "%.*s %.*s %.*s %.*s", STR_ARG(request->method), STR_ARG(request->target),
           STR_ARG(type), STR_ARG(request->body));
  server_reply(conn, answer->status, answer->headers ? answer->headers : "", answer->body);
}

static void on_done(struct kube_op *op, const struct kube_reply *reply) {
  struct call *call = container_of(op, struct call, op);
  call->finished = true;
  call->rc = reply->rc;
  call->http_status = reply->http_status;
  call->retry_after_ms = reply->retry_after_ms;
  memcpy(call->reason, reply->reason.ptr ? reply->reason.ptr : "", reply->reason.len);
  if (reply->err)
    memcpy(call->message, reply->err->msg, sizeof call->message - 1);
  call->object = kube_take(reply, &call->arena);
}

static void run(struct fixture *fixture, const struct kube_request *request, struct call *call) {
  struct err err = {0};
  memset(call, 0, sizeof *call);
  int rc = kube_start(fixture->kube, request, &call->op, on_done, &err);
  if (rc)
    print_error("%s\n", err.msg);
  assert_int_equal(rc, RC_OK);
  fixture_run_until(fixture, &call->finished);
}

static void test_verbs_become_requests(void **state) {
  (void)state;
  struct fixture fixture;
  struct answer answer = {.status = 200, .body = "{\"kind\":\"X\"}"};
  struct arena arena = {0};
  buf_init(&answer.got, 65536);
  fixture_open(&fixture, handle, &answer);
  struct json *body = json_new_object(&arena);
  struct json *metadata = json_need_object(&arena, body, "metadata");
  json_put_z(&arena, metadata, "name", "web");
  json_put_z(&arena, metadata, "namespace", "team1");
  const struct {
    struct kube_request request;
    const char *expected;
  } cases[] = {
      {{.verb = KUBE_GET, .ns = STR("team1"), .name = STR("a b")},
       "GET /apis/apps/v1/namespaces/team1/deployments/a%20b - "},
      {{.verb = KUBE_LIST, .label_selector = STR("app=x,!y"), .page = 3},
       "GET /apis/apps/v1/deployments?labelSelector=app%3Dx%2C%21y&limit=3 - "},
      {{.verb = KUBE_CREATE, .body = body, .field_validation = "Strict"},
       "POST /apis/apps/v1/namespaces/team1/deployments?fieldManager=unit-test&"
       "fieldValidation=Strict application/json "
       "{\"metadata\":{\"name\":\"web\",\"namespace\":\"team1\"}}"},
      {{.verb = KUBE_UPDATE, .body = body, .subresource = "status", .field_manager = "me"},
       "PUT /apis/apps/v1/namespaces/team1/deployments/web/status?fieldManager=me application/json "
       "{\"metadata\":{\"name\":\"web\",\"namespace\":\"team1\"}}"},
      {{.verb = KUBE_PATCH,
        .body = body,
        .patch = KUBE_PATCH_APPLY,
        .force = true,
        .dry_run = true},
       "PATCH /apis/apps/v1/namespaces/team1/deployments/web?fieldManager=unit-test&dryRun=All&"
       "force=true application/apply-patch+yaml "
       "{\"metadata\":{\"name\":\"web\",\"namespace\":\"team1\"}}"},
      {{.verb = KUBE_DELETE, .ns = STR("team1"), .name = STR("web")},
       "DELETE /apis/apps/v1/namespaces/team1/deployments/web application/json "
       "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"propagationPolicy\":\"Background\"}"},
  };
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct call call;
    struct kube_request request = cases[i].request;
    request.resource = &deployments;
    run(&fixture, &request, &call);
    assert_int_equal(call.rc, RC_OK);
    assert_string_equal(buf_z(&answer.got), cases[i].expected);
    arena_dispose(&call.arena);
  }
  arena_dispose(&arena);
  buf_dispose(&answer.got);
  fixture_close(&fixture);
}

static void test_status_objects_become_codes(void **state) {
  (void)state;
  struct fixture fixture;
  struct answer answer = {0};
  static const struct {
    int status;
    const char *reason;
    int rc;
  } cases[] = {
      {404, "NotFound", RC_NOT_FOUND},        {409, "AlreadyExists", RC_EXISTS},
      {409, "Conflict", RC_CONFLICT},         {410, "Expired", RC_EXPIRED},
      {422, "Invalid", RC_INVALID},           {429, "TooManyRequests", RC_TOO_MANY},
      {400, "BadRequest", RC_PARSE},          {401, "Unauthorized", RC_UNAUTHORIZED},
      {403, "Forbidden", RC_DENIED},          {503, "ServiceUnavailable", RC_UNAVAILABLE},
      {500, "InternalError", RC_UNAVAILABLE}, {415, "UnsupportedMediaType", RC_UNSUPPORTED},
      {504, "Timeout", RC_TIMEOUT},
  };
  struct kube_request request = {
      .verb = KUBE_GET, .resource = &deployments, .ns = STR("n"), .name = STR("x")};
  buf_init(&answer.got, 65536);
  fixture_open(&fixture, handle, &answer);
  struct arena arena = {0};
  for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
    struct call call;
    answer.status = cases[i].status;
    answer.headers = "Retry-After: 3\r\n";
    answer.body =
        arena_printf(&arena, "{\"kind\":\"Status\",\"reason\":\"%s\",\"message\":\"because\"}",
                     cases[i].reason)
            .ptr;
    run(&fixture, &request, &call);
    assert_int_equal(call.rc, cases[i].rc);
    assert_int_equal(call.http_status, cases[i].status);
    assert_string_equal(call.reason, cases[i].reason);
    assert_non_null(strstr(call.message, "because"));
    assert_int_equal(call.retry_after_ms, 3000);
    arena_dispose(&call.arena);
  }
  struct call call;
  answer = (struct answer){.status = 200, .body = "<html>", .got = answer.got};
  run(&fixture, &request, &call);
  assert_int_equal(call.rc, RC_PARSE);
  arena_dispose(&call.arena);
  arena_dispose(&arena);
  buf_dispose(&answer.got);
  fixture_close(&fixture);
}

static void test_a_request_without_a_name_is_refused(void **state) {
  (void)state;
  struct fixture fixture;
  struct call call = {0};
  struct err err;
  fixture_open(&fixture, handle, NULL);
  struct kube_request request = {.verb = KUBE_GET, .resource = &deployments, .ns = STR("n")};
  assert_int_equal(kube_start(fixture.kube, &request, &call.op, on_done, &err), RC_USAGE);
  request = (struct kube_request){.verb = KUBE_GET, .resource = &deployments, .name = STR("n")};
  assert_int_equal(kube_start(fixture.kube, &request, &call.op, on_done, &err), RC_USAGE);
  assert_false(kube_is_running(&call.op));
  fixture_close(&fixture);
}

static void test_cancel(void **state) {
  (void)state;
  struct fixture fixture;
  struct answer answer = {.status = 200, .body = "{}"};
  struct call call = {0};
  buf_init(&answer.got, 65536);
  fixture_open(&fixture, handle, &answer);
  struct kube_request request = {
      .verb = KUBE_GET, .resource = &deployments, .ns = STR("n"), .name = STR("x")};
  assert_int_equal(kube_start(fixture.kube, &request, &call.op, on_done, NULL), RC_OK);
  kube_cancel(&call.op);
  fixture_run_until(&fixture, &call.finished);
  assert_int_equal(call.rc, RC_CANCELED);
  buf_dispose(&answer.got);
  fixture_close(&fixture);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_verbs_become_requests),
      cmocka_unit_test(test_status_objects_become_codes),
      cmocka_unit_test(test_a_request_without_a_name_is_refused),
      cmocka_unit_test(test_cancel),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
