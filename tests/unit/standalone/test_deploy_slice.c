// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/deploy_scrape.h"
#include "operator/standalone/deploy_slice.h"
#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#define POD(name, ip, ready, port, more)                                                           \
  "{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"n\",\"uid\":\"" name                       \
  "\",\"labels\":{\"app\":\"web\",\"version\":\"v1\"}" more                                        \
  "},\"spec\":{\"nodeName\":\"node\",\"containers\":[{\"ports\":[{\"name\":\"http\","              \
  "\"containerPort\":" port "}]}]},"                                                               \
  "\"status\":{\"podIP\":\"" ip "\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"" ready       \
  "\"}]}}"

static struct world world;
static struct json *service;
static struct deploy_list pods, slices;
static struct deploy_actions actions;
static const struct json *endpoints;          // what is there
static const struct deploy_action *rewritten; // what becomes of it

static int setup(void **state) {
  (void)state;
  world_init(&world, 1);
  pods = slices = (struct deploy_list){0};
  endpoints = NULL;
  service = world_parse(
      &world, "{\"metadata\":{\"name\":\"web\",\"namespace\":\"n\",\"uid\":\"s\"},\"spec\":{"
              "\"selector\":{\"app\":\"web\"},\"ports\":[{\"name\":\"http\",\"port\":80,"
              "\"targetPort\":\"http\"},{\"name\":\"admin\",\"port\":9000}]}}");
  return 0;
}

static int teardown(void **state) {
  (void)state;
  world_free(&world);
  return 0;
}

static void add_pod(const char *text) {
  deploy_list_add(&pods, &world.arena, world_parse(&world, text));
}

static void plan(void) {
  actions = (struct deploy_actions){.arena = &world.arena};
  deploy_slice_plan(service, &pods, &slices, endpoints, &actions);
  size_t kept = 0; // the Endpoints apart: most tests are about slices
  rewritten = NULL;
  for (size_t i = 0; i < actions.count; i++) {
    struct deploy_action action = actions.items[i];
    if (strcmp(action.kind, "Endpoints") == 0) {
      struct deploy_action *apart = ARENA_NEW(&world.arena, struct deploy_action);
      *apart = action;
      rewritten = apart;
    } else {
      actions.items[kept++] = action;
    }
  }
  actions.count = kept;
}

static void take_over(void) {
  for (size_t i = 0; i < actions.count; i++)
    if (actions.items[i].verb == DEPLOY_CREATE)
      deploy_list_add(&slices, &world.arena, actions.items[i].body);
}

static bool is_true(const struct json *slice, const char *path) {
  return json_is_true(json_path(slice, path));
}

static void endpoints_follow_readiness_and_deletion(void **state) {
  (void)state;
  add_pod(POD("b", "127.1.0.2", "False", "8080", ""));
  add_pod(POD("a", "127.1.0.1", "True", "8080", ""));
  add_pod(POD("c", "127.1.0.3", "True", "8080", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""));
  add_pod("{\"metadata\":{\"name\":\"d\",\"labels\":{\"app\":\"other\"}},\"status\":{\"podIP\":"
          "\"1\"}}");
  add_pod("{\"metadata\":{\"name\":\"e\",\"labels\":{\"app\":\"web\"}}}"); // no address yet
  plan();
  assert_int_equal(actions.count, 1);
  const struct json *slice = actions.items[0].body;
  assert_int_equal(json_get(slice, "endpoints")->count, 3);
  assert_true(str_eq(json_path_string(slice, "endpoints.0.addresses.0"), STR("127.1.0.1")));
  assert_true(is_true(slice, "endpoints.0.conditions.ready"));
  assert_false(is_true(slice, "endpoints.1.conditions.ready"));
  assert_false(is_true(slice, "endpoints.1.conditions.serving"));
  assert_false(is_true(slice, "endpoints.2.conditions.ready"));
  assert_true(is_true(slice, "endpoints.2.conditions.serving"));
  assert_true(is_true(slice, "endpoints.2.conditions.terminating"));
  assert_true(str_eq(json_path_string(slice, "endpoints.0.targetRef.name"), STR("a")));
  assert_true(str_eq(json_path_string(slice, "endpoints.0.targetRef.kind"), STR("Pod")));
  assert_int_equal(json_int(json_path(slice, "ports.0.port"), 0), 8080);
  assert_int_equal(json_int(json_path(slice, "ports.1.port"), 0), 9000);
  assert_true(
      str_eq(json_get_string(json_path(slice, "metadata.labels"), "kubernetes.io/service-name"),
             STR("web")));
}

static void an_endpoints_object_stands_beside_the_slices(void **state) {
  (void)state;
  add_pod(POD("b", "127.1.0.2", "False", "8080", ""));
  add_pod(POD("a", "127.1.0.1", "True", "8080", ""));
  add_pod(POD("c", "127.1.0.3", "True", "8080", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\""));
  plan();
  assert_non_null(rewritten);
  assert_int_equal(rewritten->verb, DEPLOY_CREATE);
  const struct json *body = rewritten->body;
  assert_true(str_eq(json_path_string(body, "metadata.name"), STR("web")));
  assert_int_equal(json_get(body, "subsets")->count, 1);
  assert_int_equal(json_path(body, "subsets.0.addresses")->count, 1);
  assert_true(str_eq(json_path_string(body, "subsets.0.addresses.0.ip"), STR("127.1.0.1")));
  assert_true(str_eq(json_path_string(body, "subsets.0.notReadyAddresses.0.ip"), STR("127.1.0.2")));
  assert_int_equal(json_path(body, "subsets.0.notReadyAddresses")->count, 1);
  assert_int_equal(json_int(json_path(body, "subsets.0.ports.0.port"), 0), 8080);
  endpoints = body;
  plan();
  assert_null(rewritten); // it is right
  pods.count = 0;
  plan();
  assert_int_equal(rewritten->verb, DEPLOY_PATCH);
  assert_int_equal(json_get(rewritten->body, "subsets")->count, 0);
  endpoints = world_parse(&world, "{\"metadata\":{\"name\":\"web\"},\"subsets\":[]}");
  add_pod(POD("a", "127.1.0.1", "True", "8080", ""));
  plan();
  assert_null(rewritten); // somebody else's
}

static void what_is_right_is_left_alone(void **state) {
  (void)state;
  add_pod(POD("a", "127.1.0.1", "True", "8080", ""));
  plan();
  take_over();
  plan();
  assert_int_equal(actions.count, 0);
  pods.items[0] = world_parse(&world, POD("a", "127.1.0.1", "False", "8080", ""));
  plan();
  assert_int_equal(actions.count, 1);
  assert_int_equal(actions.items[0].verb, DEPLOY_PATCH);
}

static void named_ports_may_differ(void **state) {
  (void)state;
  add_pod(POD("a", "127.1.0.1", "True", "8080", ""));
  add_pod(POD("b", "127.1.0.2", "True", "8081", ""));
  plan();
  assert_int_equal(actions.count, 2);
  take_over();
  pods.count = 1;
  plan();
  assert_int_equal(actions.count, 1);
  assert_int_equal(actions.items[0].verb, DEPLOY_DELETE);
}

static void services_without_selector_are_not_ours(void **state) {
  (void)state;
  add_pod(POD("a", "127.1.0.1", "True", "8080", ""));
  (void)json_remove(json_get(service, "spec"), STR("selector"));
  plan();
  assert_int_equal(actions.count, 0);
}

static void unready_ones_are_published_on_request(void **state) {
  (void)state;
  add_pod(POD("a", "127.1.0.1", "False", "8080", ""));
  json_put_bool(&world.arena, json_get(service, "spec"), "publishNotReadyAddresses", true);
  plan();
  assert_true(is_true(actions.items[0].body, "endpoints.0.conditions.ready"));
  assert_false(is_true(actions.items[0].body, "endpoints.0.conditions.serving"));
}

static void pods_that_ask_are_scraped(void **state) {
  (void)state;
#define ASKS ",\"annotations\":{\"prometheus.io/scrape\":\"true\"}"
  add_pod(POD("b", "127.1.0.2", "True", "8080", ASKS));
  add_pod(POD("a", "127.1.0.1", "True", "8080",
              ",\"annotations\":{\"prometheus.io/scrape\":\"true\",\"prometheus.io/port\":\"9102\","
              "\"prometheus.io/path\":\"/m\"}"));
  add_pod(POD("c", "127.1.0.3", "False", "8080", ASKS));
  add_pod(POD("d", "127.1.0.4", "True", "8080", ""));
  json_put_z(&world.arena, json_path((struct json *)(uintptr_t)pods.items[0], "metadata.labels"),
             "app.kubernetes.io/part-of", "x");
  const struct json *targets = deploy_scrape_write(&pods, &world.arena);
  assert_int_equal(targets->count, 2);
  assert_true(str_eq(json_path_string(targets, "0.targets.0"), STR("127.1.0.1:9102")));
  assert_true(str_eq(json_path_string(targets, "0.labels.__metrics_path__"), STR("/m")));
  assert_true(str_eq(json_path_string(targets, "1.targets.0"), STR("127.1.0.2:8080")));
  assert_true(str_eq(json_path_string(targets, "1.labels.version"), STR("v1")));
  assert_true(str_eq(json_path_string(targets, "1.labels.pod"), STR("b")));
  assert_true(str_eq(json_path_string(targets, "1.labels.app_kubernetes_io_part_of"), STR("x")));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(endpoints_follow_readiness_and_deletion, setup, teardown),
      cmocka_unit_test_setup_teardown(an_endpoints_object_stands_beside_the_slices, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(what_is_right_is_left_alone, setup, teardown),
      cmocka_unit_test_setup_teardown(named_ports_may_differ, setup, teardown),
      cmocka_unit_test_setup_teardown(services_without_selector_are_not_ours, setup, teardown),
      cmocka_unit_test_setup_teardown(unready_ones_are_published_on_request, setup, teardown),
      cmocka_unit_test_setup_teardown(pods_that_ask_are_scraped, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
