// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/pod_env.h"
#include "operator/standalone/pod_volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct arena arena;

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

static void same(struct str have, const char *want) {
  if (!str_eq_z(have, want))
    fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(have), want);
}

static struct json *parse(const char *text) {
  struct json *json = NULL;
  struct err err = {0};
  if (json_parse(str_of(text), &arena, &json, &err) != RC_OK)
    fail_msg("%s: %s", text, err.msg);
  return json;
}

static const struct json *find(void *data, const char *kind, struct str ns, struct str name) {
  (void)data;
  if (!str_eq(ns, STR("team1")))
    return NULL;
  if (strcmp(kind, "ConfigMap") == 0 && str_eq(name, STR("conf")))
    return parse("{\"kind\":\"ConfigMap\",\"data\":{\"greeting\":\"hello\",\"bad key\":\"x\"},"
                 "\"binaryData\":{\"raw\":\"AAEC\"}}");
  if (strcmp(kind, "Secret") == 0 && str_eq(name, STR("sec")))
    return parse("{\"kind\":\"Secret\",\"data\":{\"pw\":\"czNjcmV0\"}}");
  return NULL;
}

static const struct pod_lookup lookup = {.find = find};

static struct pod pod_of_test(void) {
  static struct string_pair labels[] = {{STR("version"), STR("v1")}, {STR("app"), STR("web")}};
  return (struct pod){.metadata = {.name = STR("web-1"),
                                   .namespace_ = STR("team1"),
                                   .uid = STR("u-1"),
                                   .labels = {labels, 2}}};
}

static void expands_variables_and_leaves_the_rest(void **state) {
  (void)state;
  struct pod_env_list env = {0};
  pod_env_set(&env, &arena, STR("A"), STR("one"));
  pod_env_set(&env, &arena, STR("EMPTY"), STR(""));
  const char *const cases[][2] = {
      {"plain", "plain"},
      {"$(A)", "one"},
      {"x$(A)y$(A)", "xoneyone"},
      {"$$(A)", "$(A)"},
      {"$$$(A)", "$one"},
      {"$(NOPE)", "$(NOPE)"},
      {"$A", "$A"},
      {"$(A", "$(A"},
      {"$", "$"},
      {"a$", "a$"},
      {"$(EMPTY)", ""},
      {"$(A)$(NOPE)$(A)", "one$(NOPE)one"},
      {"$(A$(A))", "$(A$(A))"},
      {"", ""},
      {"$$", "$"},
      {"$()", "$()"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    same(pod_expand(str_of(cases[i][0]), &env, &arena), cases[i][1]);
}

static void knows_the_fields_of_the_downward_api(void **state) {
  (void)state;
  struct pod pod = pod_of_test();
  struct pod_facts facts = {
      .pod = &pod, .pod_ip = STR("127.5.0.1"), .host_ip = STR("127.0.0.1"), .node_name = STR("n1")};
  const char *const cases[][2] = {
      {"metadata.name", "web-1"},      {"metadata.namespace", "team1"},
      {"metadata.uid", "u-1"},         {"metadata.labels['version']", "v1"},
      {"metadata.labels['none']", ""}, {"metadata.labels", "version=\"v1\"\napp=\"web\""},
      {"spec.nodeName", "n1"},         {"status.podIP", "127.5.0.1"},
      {"status.hostIP", "127.0.0.1"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct str value = STR("?");
    assert_int_equal(pod_field(&facts, str_of(cases[i][0]), &arena, &value, NULL), RC_OK);
    same(value, cases[i][1]);
  }
  struct err err = {0};
  struct str value;
  assert_int_equal(pod_field(&facts, STR("spec.replicas"), &arena, &value, &err), RC_INVALID);
  assert_non_null(strstr(err.msg, "spec.replicas"));
}

static void builds_the_environment_in_order(void **state) {
  (void)state;
  struct pod pod = pod_of_test();
  struct pod_facts facts = {.pod = &pod, .pod_ip = STR("127.5.0.1")};
  struct pod_source_ref conf = {.name = STR("conf")},
                        absent = {.name = STR("no"), .optional = true};
  struct pod_env_from from[] = {{.prefix = STR("CM_"), .config_map_ref = &conf},
                                {.secret_ref = &absent}};
  struct pod_key_ref pw = {.name = STR("sec"), .key = STR("pw")};
  struct pod_key_ref missing = {.name = STR("sec"), .key = STR("no"), .optional = true};
  struct pod_env_source from_secret = {.secret_key_ref = &pw},
                        from_none = {.secret_key_ref = &missing};
  struct pod_field_ref ip = {.field_path = STR("status.podIP")};
  struct pod_env_source from_ip = {.field_ref = &ip};
  struct pod_env env[] = {{.name = STR("ADDR"), .value_from = &from_ip},
                          {.name = STR("URL"), .value = STR("http://$(ADDR)/$(CM_greeting)")},
                          {.name = STR("PW"), .value_from = &from_secret},
                          {.name = STR("NONE"), .value_from = &from_none},
                          {.name = STR("POD_IP"), .value = STR("mine")}};
  struct pod_container container = {
      .env_from = from, .env_from_count = 2, .env = env, .env_count = 5};
  struct pod_env_list list = {0};
  size_t skipped;
  pod_env_set(&list, &arena, STR("POD_IP"), STR("127.5.0.1"));
  assert_int_equal(pod_env_build(&facts, &container, &lookup, &arena, &list, &skipped, NULL),
                   RC_OK);
  same(pod_env_get(&list, STR("URL")), "http://127.5.0.1/hello");
  same(pod_env_get(&list, STR("PW")), "s3cret");
  same(pod_env_get(&list, STR("POD_IP")), "mine");
  assert_null(pod_env_get(&list, STR("NONE")).ptr);
  assert_int_equal(skipped, 1); // "bad key" cannot be a variable
  pw.name = STR("gone");
  struct err err = {0};
  assert_int_equal(pod_env_build(&facts, &container, &lookup, &arena, &list, &skipped, &err),
                   RC_NOT_FOUND);
  assert_non_null(strstr(err.msg, "secret \"gone\" not found"));
}

static void splits_commands_into_words(void **state) {
  (void)state;
  struct str *words;
  size_t count;
  assert_int_equal(pod_words(STR("  a 'b c' \"d \\\" e\" f\\ g '' "), &arena, &words, &count, NULL),
                   RC_OK);
  assert_int_equal(count, 5);
  const char *const want[] = {"a", "b c", "d \" e", "f g", ""};
  for (size_t i = 0; i < count; i++)
    same(words[i], want[i]);
  struct err err = {0};
  assert_int_equal(pod_words(STR("a 'b"), &arena, &words, &count, &err), RC_PARSE);
}

static void finds_images_with_and_without_tag(void **state) {
  (void)state;
  struct pod_images images = {0};
  const char *const given[] = {"localhost:5000/agent=./agent --fast", "redis:7=/usr/bin/redis",
                               "localhost:5000/agent:v2=agent2"};
  for (size_t i = 0; i < 3; i++)
    assert_int_equal(pod_images_add(&images, str_of(given[i]), STR("/srv"), &arena, NULL), RC_OK);
  same(pod_images_find(&images, STR("localhost:5000/agent:v1"))->argv[0], "/srv/./agent");
  same(pod_images_find(&images, STR("localhost:5000/agent:v1"))->argv[1], "--fast");
  same(pod_images_find(&images, STR("localhost:5000/agent:v2"))->argv[0], "agent2");
  same(pod_images_find(&images, STR("localhost:5000/agent@sha256:00"))->argv[0], "/srv/./agent");
  assert_null(pod_images_find(&images, STR("redis:6")));
  assert_null(pod_images_find(&images, STR("agent")));
  assert_int_equal(pod_images_add(&images, STR("noequals"), STR("/"), &arena, NULL), RC_USAGE);
  assert_int_equal(pod_images_add(&images, STR("x= "), STR("/"), &arena, NULL), RC_USAGE);
}

static void an_unmapped_image_says_what_to_do(void **state) {
  (void)state;
  struct pod_container container = {.image = STR("x:1")};
  struct pod_env_list env = {0};
  struct pod_images images = {0};
  struct str *argv;
  size_t count;
  struct err err = {0};
  assert_int_equal(pod_argv(&container, &env, &images, &arena, &argv, &count, &err), RC_NOT_FOUND);
  assert_non_null(strstr(err.msg, "--image x:1=COMMAND"));
  assert_int_equal(pod_images_add(&images, STR("x=run $(A)"), STR("/"), &arena, NULL), RC_OK);
  pod_env_set(&env, &arena, STR("A"), STR("1"));
  struct str args[] = {STR("--a=$(A)")};
  container.args = args;
  container.args_count = 1;
  assert_int_equal(pod_argv(&container, &env, &images, &arena, &argv, &count, &err), RC_OK);
  assert_int_equal(count, 3);
  same(argv[1], "1");
  same(argv[2], "--a=1");
}

static void plans_the_files_of_volumes(void **state) {
  (void)state;
  struct pod pod = pod_of_test();
  struct pod_facts facts = {.pod = &pod};
  struct pod_key_to_path items[] = {
      {.key = STR("pw"), .path = STR("a/b"), .has_mode = true, .mode = 0400}};
  struct pod_config_volume secret = {.name = STR("sec"),
                                     .items = items,
                                     .items_count = 1,
                                     .has_default_mode = true,
                                     .default_mode = 0600};
  struct pod_config_volume conf = {.name = STR("conf")};
  struct pod_volume volumes[] = {{.name = STR("s"), .secret = &secret},
                                 {.name = STR("c"), .config_map = &conf},
                                 {.name = STR("p"), .projected = parse("{}")}};
  struct pod_volume_plan plan;
  assert_int_equal(pod_volume_plan(&facts, &volumes[0], &lookup, &arena, &plan, NULL), RC_OK);
  assert_int_equal(plan.file_count, 1);
  same(plan.files[0].path, "a/b");
  same(plan.files[0].content, "s3cret");
  assert_int_equal(plan.files[0].mode, 0400);
  assert_int_equal(pod_volume_plan(&facts, &volumes[1], &lookup, &arena, &plan, NULL), RC_OK);
  assert_int_equal(plan.file_count, 3);
  assert_int_equal(plan.files[0].mode, 0644);
  assert_int_equal(plan.files[2].content.len, 3); // raw: 00 01 02
  struct err err = {0};
  assert_int_equal(pod_volume_plan(&facts, &volumes[2], &lookup, &arena, &plan, &err),
                   RC_UNSUPPORTED);
  items[0].path = STR("../../etc/passwd");
  assert_int_equal(pod_volume_plan(&facts, &volumes[0], &lookup, &arena, &plan, &err), RC_INVALID);
  secret.name = STR("later");
  assert_int_equal(pod_volume_plan(&facts, &volumes[0], &lookup, &arena, &plan, &err),
                   RC_NOT_FOUND);
  assert_non_null(strstr(err.msg, "secret \"later\" not found"));
}

static void plans_mounts(void **state) {
  (void)state;
  struct pod_volume_plan plans[] = {{.name = STR("c"), .read_only = true},
                                    {.name = STR("e"), .type = POD_VOLUME_EMPTY}};
  struct pod_volume_mount wanted[] = {
      {.name = STR("c"), .mount_path = STR("/etc/c"), .sub_path = STR("k")},
      {.name = STR("e"), .mount_path = STR("/e"), .sub_path_expr = STR("$(A)/x")}};
  struct pod_container container = {.volume_mounts = wanted, .volume_mounts_count = 2};
  struct pod_env_list env = {0};
  struct shim_mount *mounts;
  size_t count;
  pod_env_set(&env, &arena, STR("A"), STR("one"));
  assert_int_equal(
      pod_volume_mounts(&container, plans, 2, STR("/v"), &env, &arena, &mounts, &count, NULL),
      RC_OK);
  same(mounts[0].source, "/v/c/k");
  assert_true(mounts[0].read_only);
  same(mounts[1].source, "/v/e/one/x");
  assert_false(mounts[1].read_only);
  wanted[0].sub_path = STR("../x");
  assert_int_equal(
      pod_volume_mounts(&container, plans, 2, STR("/v"), &env, &arena, &mounts, &count, NULL),
      RC_INVALID);
  wanted[0] = (struct pod_volume_mount){.name = STR("none"), .mount_path = STR("/x")};
  assert_int_equal(
      pod_volume_mounts(&container, plans, 2, STR("/v"), &env, &arena, &mounts, &count, NULL),
      RC_INVALID);
  same(pod_volume_variable(STR("my-vol.1"), &arena), "SERIN_VOLUME_MY_VOL_1");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(expands_variables_and_leaves_the_rest, setup, teardown),
      cmocka_unit_test_setup_teardown(knows_the_fields_of_the_downward_api, setup, teardown),
      cmocka_unit_test_setup_teardown(builds_the_environment_in_order, setup, teardown),
      cmocka_unit_test_setup_teardown(splits_commands_into_words, setup, teardown),
      cmocka_unit_test_setup_teardown(finds_images_with_and_without_tag, setup, teardown),
      cmocka_unit_test_setup_teardown(an_unmapped_image_says_what_to_do, setup, teardown),
      cmocka_unit_test_setup_teardown(plans_the_files_of_volumes, setup, teardown),
      cmocka_unit_test_setup_teardown(plans_mounts, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
