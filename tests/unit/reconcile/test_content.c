// SPDX-License-Identifier: Apache-2.0
// What a template takes from ConfigMaps and Secrets: found, hashed into the version, kept.
#include "support_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define HOUR (60 * 60000)
#define STEPS                                                                                      \
  "[{\"deploy\":{}},{\"setWeight\":50},{\"monitor\":{\"duration\":\"30s\",\"min\":\"10s\"}},"      \
  "{\"setWeight\":100},{\"monitor\":{\"duration\":\"20s\",\"min\":\"20s\"}},{\"decommission\":{}}" \
  "]"

static struct arena arena;
static struct world world;

static struct json *parse(const char *text) {
  struct json *json = NULL;
  assert_int_equal(json_parse(str_of(text), &arena, &json, NULL), RC_OK);
  return json;
}

static void runs(const char *phase) {
  world_run(&world, phase, HOUR, false);
  if (world.broken[0])
    fail_msg("%s", world.broken);
  assert_string_equal(world_phase(&world).ptr, phase);
}

static void settles(void) {
  for (int i = 0; i < 5; i++) {
    world.now_ms += 31000;
    world_settle(&world);
    world_ready(&world);
  }
  if (world.broken[0])
    fail_msg("%s", world.broken);
}

static void runs_to_step(const char *step) {
  for (int i = 0; i < 400 && !str_eq_z(world_status(&world, "step.name"), step); i++)
    world_run(&world, "-", 1000, false);
  if (world.broken[0])
    fail_msg("%s", world.broken);
  assert_string_equal(world_status(&world, "step.name").ptr, step);
}

static int64_t releases(void) {
  return json_int(json_path(world.rollout, "status.releaseNumber"), 0);
}

static struct str named(const char *path) {
  return arena_str(&arena, world_status(&world, path));
}

static int setup(void **state) {
  (void)state;
  arena_init(&arena);
  world_init_template(&world, &arena, 7, STEPS);
  world_refer(&world);
  world_config(&world, "ConfigMap", "settings", "one");
  return 0;
}

static int setup_running(void **state) {
  setup(state);
  runs("Healthy");
  settles();
  return 0;
}

static size_t sets_before; // ReplicaSets of the Deployment

static int setup_workload(void **state) {
  (void)state;
  arena_init(&arena);
  world_init_workload(&world, &arena, 7, STEPS);
  world_refer(&world);
  world_config(&world, "ConfigMap", "settings", "one");
  world_ready(&world);
  runs("Healthy");
  settles();
  sets_before = world.sets_count;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  arena_dispose(&arena);
  return 0;
}

// --- pure ---

#define EVERY                                                                                      \
  "{\"spec\":{\"initContainers\":[{\"envFrom\":[{\"configMapRef\":{\"name\":\"a\"}}]}],"           \
  "\"containers\":[{\"envFrom\":[{\"secretRef\":{\"name\":\"b\",\"optional\":true}}],\"env\":["    \
  "{\"name\":\"X\",\"value\":\"a\"},{\"name\":\"Y\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":" \
  "\"c\",\"key\":\"k\",\"optional\":true}}},{\"name\":\"Z\",\"valueFrom\":{\"secretKeyRef\":"      \
  "{\"name\":\"d\",\"key\":\"k\"}}}]}],\"ephemeralContainers\":[{\"envFrom\":[{\"configMapRef\":"  \
  "{\"name\":\"not\"}}]}],\"imagePullSecrets\":[{\"name\":\"not\"}],\"volumes\":["                 \
  "{\"configMap\":{\"name\":\"c\"}},{\"secret\":{\"secretName\":\"e\"}},{\"projected\":"           \
  "{\"sources\":[{\"configMap\":{\"name\":\"f\"}},{\"secret\":{\"name\":\"g\",\"optional\":true}}" \
  ",{\"downwardAPI\":{}}]}},{\"emptyDir\":{}}]}}"

static void test_every_form_of_reference(void **state) {
  (void)state;
  size_t count;
  struct buf out;
  const struct content_ref *refs = content_refs(parse(EVERY), &arena, &count);
  buf_init(&out, 1000);
  for (size_t i = 0; i < count; i++)
    (void)buf_addf(&out, "%.1s/%.*s%s%s ", refs[i].kind.ptr, STR_ARG(refs[i].name),
                   refs[i].optional ? "?" : "", refs[i].in_volume ? "v" : "");
  assert_string_equal(arena_str(&arena, buf_str(&out)).ptr, "C/a S/b? C/cv S/d S/ev C/fv S/g?v ");
  buf_dispose(&out);
}

static void test_copies_take_their_places(void **state) {
  (void)state;
  const struct rollout_content items[] = {
      {STR("ConfigMap"), STR("a"), STR("sha256:0"), STR("a-1")},
      {STR("ConfigMap"), STR("c"), STR("sha256:0"), STR("c-1")},
      {STR("Secret"), STR("e"), STR("sha256:0"), STR("e-1")},
      {STR("Secret"), STR("g"), STR("sha256:0"), STR("g-1")},
      {STR("Secret"), STR("d"), STR("sha256:0"), STR_NULL},
  };
  struct json *with = content_apply(parse(EVERY), items, 5, &arena);
  static const struct {
    const char *path, *name;
  } rows[] = {{"spec.initContainers.0.envFrom.0.configMapRef.name", "a-1"},
              {"spec.containers.0.env.1.valueFrom.configMapKeyRef.name", "c-1"},
              {"spec.containers.0.env.2.valueFrom.secretKeyRef.name", "d"},
              {"spec.containers.0.envFrom.0.secretRef.name", "b"},
              {"spec.volumes.0.configMap.name", "c-1"},
              {"spec.volumes.1.secret.secretName", "e-1"},
              {"spec.volumes.2.projected.sources.1.secret.name", "g-1"},
              {"spec.volumes.2.projected.sources.0.configMap.name", "f"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    assert_string_equal(json_path_string(with, rows[i].path).ptr, rows[i].name);
}

static void test_names_of_copies(void **state) {
  (void)state;
  char longest[254];
  memset(longest, 'a', 253);
  longest[253] = 0;
  longest[241] = '.';
  struct rollout_content item = {STR("ConfigMap"), STR("settings"), STR("sha256:1"), STR_NULL};
  struct str one = content_copy_name(STR("uid"), &item, &arena);
  assert_true(str_starts(one, STR("settings-")) && one.len == 19);
  assert_string_equal(content_copy_name(STR("uid"), &item, &arena).ptr, one.ptr);
  assert_string_not_equal(content_copy_name(STR("other"), &item, &arena).ptr, one.ptr);
  item.hash = STR("sha256:2");
  assert_string_not_equal(content_copy_name(STR("uid"), &item, &arena).ptr, one.ptr);
  item.kind = STR("Secret");
  assert_string_not_equal(content_copy_name(STR("uid"), &item, &arena).ptr, one.ptr);
  item.name = str_of(longest);
  struct str cut = content_copy_name(STR("uid"), &item, &arena);
  assert_int_equal(cut.len, 252); // no dot before the dash
  item.hash = STR("absent");
  assert_int_equal(content_copy_name(STR("uid"), &item, &arena).len, 253);
}

static void test_hashes_by_other_keys_are_not_compared(void **state) {
  (void)state;
  assert_true(content_hash_differs(STR("hmac:a:1"), STR("hmac:a:2")));
  assert_false(content_hash_differs(STR("hmac:a:1"), STR("hmac:b:2")));
  assert_false(content_hash_differs(STR("hmac:a:1"), STR("hmac:a:1")));
  assert_true(content_hash_differs(STR("absent"), STR("hmac:a:1")));
}

// --- template form ---

static void test_a_change_is_a_release_and_each_version_keeps_its_content(void **state) {
  (void)state;
  struct str one = named("stable.deployment");
  assert_string_equal(world_reads(&world, one.ptr).ptr, "one");
  world_config(&world, "ConfigMap", "settings", "two");
  runs_to_step("monitor");
  struct str two = named("canary.deployment");
  assert_string_equal(world_status(&world, "release.changed").ptr, "ConfigMap settings");
  assert_string_equal(world_reads(&world, two.ptr).ptr, "two");
  assert_string_equal(world_reads(&world, one.ptr).ptr, "one"); // also when its pods restart
  runs("Healthy");
  settles();
  assert_string_equal(world_status(&world, "history.0.changed").ptr, "ConfigMap settings");
  assert_string_equal(world_status(&world, "stable.deployment").ptr, two.ptr);
  assert_int_equal(releases(), 2);
}

static void test_a_bad_one_goes_back_to_the_old_content(void **state) {
  (void)state;
  struct str one = named("stable.deployment");
  world.outcome = OUTCOME_FAIL;
  world_config(&world, "ConfigMap", "settings", "two");
  runs("RolledBack");
  settles();
  assert_string_equal(world_status(&world, "stable.deployment").ptr, one.ptr);
  assert_string_equal(world_reads(&world, one.ptr).ptr, "one");
  assert_int_equal(releases(), 2); // and it is not tried again
  world.outcome = OUTCOME_PASS;
  world_config(&world, "ConfigMap", "settings", "three");
  runs("Healthy");
  assert_int_equal(releases(), 3);
}

static void test_back_in_the_middle_is_no_release(void **state) {
  (void)state;
  struct str one = named("stable.deployment");
  world_config(&world, "ConfigMap", "settings", "two");
  runs_to_step("monitor");
  world_config(&world, "ConfigMap", "settings", "one");
  runs("Healthy");
  settles();
  assert_string_equal(world_status(&world, "stable.deployment").ptr, one.ptr);
  assert_string_equal(world_status(&world, "history.0.result").ptr, "Superseded");
  assert_int_equal(releases(), 2);
}

static void test_image_and_content_at_once_are_one_release(void **state) {
  (void)state;
  world_config(&world, "ConfigMap", "settings", "two");
  world_template(&world, "agent:2");
  runs("Progressing");
  assert_string_equal(world_status(&world, "release.changed").ptr,
                      "the template, ConfigMap settings");
  runs("Healthy");
  assert_int_equal(releases(), 2);
}

static void test_undo_brings_the_content_back(void **state) {
  (void)state;
  struct str one = named("stable.deployment");
  world_config(&world, "ConfigMap", "settings", "two");
  runs("Progressing");
  runs("Healthy");
  settles();
  (void)world_act(&world, "undo");
  runs("Progressing");
  assert_string_equal(world_status(&world, "canary.deployment").ptr, one.ptr);
  runs("Healthy");
  settles();
  assert_string_equal(world_reads(&world, one.ptr).ptr, "one");
  assert_string_equal(world_status(&world, "stable.deployment").ptr, one.ptr);
  assert_int_equal(json_int(json_path(world.rollout, "status.stable.revision"), 0), 1);
  // The declared template names the copy now: ConfigMap settings is of no concern any more.
  world_config(&world, "ConfigMap", "settings", "three");
  settles();
  assert_int_equal(releases(), 3);
}

static void test_copies_go_with_the_last_version_that_reads_them(void **state) {
  (void)state;
  json_put_int(&arena, json_get(world.rollout, "spec"), "revisionHistoryLimit", 1);
  world_spec_changed(&world);
  static const char *const texts[] = {"two", "three", "four"};
  for (size_t i = 0; i < 3; i++) {
    world_config(&world, "ConfigMap", "settings", texts[i]);
    runs("Progressing");
    runs("Healthy");
    settles();
  }
  size_t copies = 0;
  for (size_t i = 0; i < world.content_count; i++)
    copies += world.content[i].is_copy && world.content[i].text.ptr;
  assert_int_equal(copies, 2);       // of what serves and of one to go back to
  world_template(&world, "agent:2"); // another version with the same content shares the copy
  runs("Progressing");
  runs("Healthy");
  settles();
  copies = 0;
  for (size_t i = 0; i < world.content_count; i++)
    copies += world.content[i].is_copy && world.content[i].text.ptr;
  assert_int_equal(copies, 1);
}

static void test_an_optional_one_that_comes_and_goes(void **state) {
  (void)state;
  world_config(&world, "ConfigMap", "extra", "x");
  runs("Progressing");
  assert_string_equal(world_status(&world, "release.changed").ptr, "ConfigMap extra");
  runs("Healthy");
  settles();
  world_config(&world, "ConfigMap", "extra", NULL);
  runs("Progressing");
  runs("Healthy");
  assert_int_equal(releases(), 3);
}

static struct str tracked(void) {
  JSON_EACH(condition, json_path(world.rollout, "status.conditions"))
    if (str_eq_z(json_get_string(condition, "type"), "ContentTracked"))
      return json_get_string(condition, "reason");
  return STR("");
}

static void test_one_that_must_be_there(void **state) {
  (void)state;
  world_config(&world, "ConfigMap", "settings", NULL);
  world_settle(&world);
  assert_string_equal(world_phase(&world).ptr, "Healthy"); // what serves has its copy
  assert_string_equal(tracked().ptr, "Missing");
  world_template(&world, "agent:2");
  world_settle(&world);
  assert_string_equal(world_phase(&world).ptr, "Pending");
  assert_string_equal(world_status(&world, "step.waitingFor").ptr, "ConfigMap settings to exist");
  world_config(&world, "ConfigMap", "settings", "one");
  runs("Progressing");
  assert_int_equal(releases(), 2);
}

static void test_a_right_that_is_lacking_wedges_nothing(void **state) {
  (void)state;
  struct world_content *settings = world_content(&world, STR("ConfigMap"), STR("settings"));
  settings->state = CONTENT_DENIED;
  world_settle(&world);
  assert_string_equal(tracked().ptr, "Forbidden");
  world_config(&world, "ConfigMap", "settings", "two");
  settles();
  assert_int_equal(releases(), 1);
  world_template(&world, "agent:2");
  runs("Progressing");
  runs("Healthy");
  settles();
  // It is granted: what the version runs is taken as it is.
  settings->state = CONTENT_THERE;
  settles();
  assert_int_equal(releases(), 2);
  assert_string_equal(tracked().ptr, "Read");
  world_config(&world, "ConfigMap", "settings", "three");
  runs("Progressing");
  assert_int_equal(releases(), 3);
}

static void test_left_out_and_switched_off(void **state) {
  (void)state;
  world_content(&world, STR("ConfigMap"), STR("settings"))->left_out = true;
  world_config(&world, "ConfigMap", "settings", "two");
  settles();
  assert_int_equal(releases(), 1);
  world_content(&world, STR("ConfigMap"), STR("settings"))->left_out = false;
  json_put_z(&arena, json_get(world.rollout, "spec"), "configTracking", "none");
  world_spec_changed(&world);
  settles();
  assert_int_equal(releases(), 1);
  world_template(&world, "agent:2");
  runs("Progressing");
  assert_string_equal(world_reads(&world, world_status(&world, "canary.deployment").ptr).ptr,
                      "two");
}

static void test_another_key_starts_nothing(void **state) {
  (void)state;
  json_put_z(&arena, json_get(world.rollout, "spec"), "configTracking", "all");
  struct json *env = json_path(world.rollout, "spec.template.spec.containers.0.env");
  json_append(env, parse("{\"name\":\"S\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"keys\","
                         "\"key\":\"a\"}}}"));
  world_config(&world, "Secret", "keys", "s1");
  world_spec_changed(&world);
  runs("Progressing");
  runs("Healthy");
  settles();
  int64_t before = releases();
  world_content(&world, STR("Secret"), STR("keys"))->key = STR("k2");
  settles();
  assert_int_equal(releases(), before);
  world_config(&world, "Secret", "keys", "s2");
  runs("Progressing");
  assert_string_equal(world_status(&world, "release.changed").ptr, "Secret keys");
  world_content(&world, STR("Secret"), STR("keys"))->state = CONTENT_NO_KEY;
  runs("Healthy");
  settles();
  assert_string_equal(tracked().ptr, "NoContentKey");
}

static void test_a_copy_that_was_deleted_is_made_again(void **state) {
  (void)state;
  struct str copy = named("stable.content.0.copy");
  world_content(&world, STR("ConfigMap"), copy)->text = STR_NULL;
  world_settle(&world);
  assert_string_equal(world_content(&world, STR("ConfigMap"), copy)->text.ptr, "one");
  world_config(&world, "ConfigMap", "settings", "two");
  world_content(&world, STR("ConfigMap"), copy)->text = STR_NULL;
  world_settle(&world);
  assert_string_equal(tracked().ptr, "CopyLost");
}

// An operator that knew nothing of content made this version: its pods read the object itself.
static void test_an_upgrade_starts_nothing(void **state) {
  (void)state;
  json_put_z(&arena, json_get(world.rollout, "spec"), "configTracking", "none");
  runs("Healthy");
  settles();
  json_remove(json_get(world.rollout, "spec"), STR("configTracking"));
  world_spec_changed(&world);
  settles();
  assert_int_equal(releases(), 1);
  assert_string_equal(world_status(&world, "stable.content.0.hash").ptr, "sha256:one");
  world_config(&world, "ConfigMap", "settings", "two");
  runs("Progressing");
  assert_int_equal(releases(), 2);
  bool warned = false;
  JSON_EACH(decision, json_path(world.rollout, "status.decisions"))
    warned |= str_eq_z(json_get_string(decision, "reason"), "ContentNotKept");
  assert_true(warned);
  runs("Healthy");
}

static void test_status_that_was_lost_is_found_again(void **state) {
  (void)state;
  json_remove(world.rollout, STR("status"));
  world_touch(&world, world.rollout);
  runs("Healthy");
  settles();
  assert_int_equal(releases(), 0);
  world_config(&world, "ConfigMap", "settings", "two");
  runs("Progressing");
  assert_int_equal(releases(), 1);
}

static void test_what_is_not_read_yet_is_waited_for(void **state) {
  (void)state;
  world.content_late = true;
  world_config(&world, "ConfigMap", "settings", "two");
  runs("Progressing");
  runs("Healthy");
  world_run(&world, "-", 600000, false);
  assert_int_equal(releases(), 2);
  assert_string_equal(world_phase(&world).ptr, "Healthy");
}

// --- workload form ---

static void test_workload_undo_of_content_alone_says_what_to_do(void **state) {
  (void)state;
  world_config(&world, "ConfigMap", "settings", "two");
  runs("Progressing");
  runs("Healthy");
  settles();
  (void)world_act(&world, "undo");
  world_settle(&world);
  const struct json *answer = json_get(world.actions[world.actions_count - 1], "status");
  assert_string_equal(json_get_string(answer, "result").ptr, "Refused");
  assert_non_null(strstr(json_get_string(answer, "message").ptr,
                         "has the same template and other content of ConfigMap settings, of which "
                         "workloadRef keeps no copy: put that content back"));
  assert_int_equal(releases(), 1);
  world_config(&world, "ConfigMap", "settings", "one"); // as it says
  runs("Progressing");
  runs("Healthy");
  assert_int_equal(releases(), 2);
}

static void test_workload_a_change_is_released_and_taken_over(void **state) {
  (void)state;
  assert_int_equal(releases(), 0);
  world_config(&world, "ConfigMap", "settings", "two");
  runs_to_step("monitor");
  struct str two = named("canary.deployment");
  assert_string_equal(world_reads(&world, two.ptr).ptr, "two");
  assert_int_equal(world.sets_count, sets_before);
  runs("Healthy");
  settles();
  assert_int_equal(world.deployments_count, 1);
  assert_int_equal(world.sets_count,
                   sets_before + 1); // its pods were started anew, with a mark in the template
  const struct json *d = world_deployment(&world, STR("agent"));
  assert_string_equal(
      json_path_string(d, "spec.template.spec.containers.0.env.0.valueFrom.configMapKeyRef.name")
          .ptr,
      "settings");
  for (size_t i = 0; i < world.content_count; i++)
    assert_false(world.content[i].is_copy && world.content[i].text.ptr);
  // Git takes the mark out again, or not: that is no release.
  json_remove(json_path(d, "spec.template.metadata"), STR("annotations"));
  world_image(&world, "agent:1");
  settles();
  assert_int_equal(releases(), 1);
  world_image(&world, "agent:2");
  runs("Progressing");
  runs("Healthy");
  settles();
  assert_int_equal(releases(), 2);
}

static void test_workload_a_bad_one_leaves_the_deployment_alone(void **state) {
  (void)state;
  const struct json *d = world_deployment(&world, STR("agent"));
  struct str before = json_text(&arena, json_path(d, "spec.template"));
  world.outcome = OUTCOME_FAIL;
  world_config(&world, "ConfigMap", "settings", "two");
  runs("RolledBack");
  settles();
  assert_string_equal(json_text(&arena, json_path(d, "spec.template")).ptr, before.ptr);
  assert_int_equal(world.deployments_count, 1);
  assert_int_equal(releases(), 1);
}

static void test_workload_content_that_changes_while_it_is_taken_over(void **state) {
  (void)state;
  world_config(&world, "ConfigMap", "settings", "two");
  runs_to_step("decommission");
  struct str two = named("canary.deployment");
  world_config(&world, "ConfigMap", "settings", "three");
  for (int i = 0; i < 400 && releases() < 2; i++)
    world_run(&world, "-", 1000, false);
  assert_int_equal(world.sets_count, sets_before); // it was not rolled to what was not released
  assert_string_equal(world_status(&world, "stable.deployment").ptr, two.ptr);
  runs("Healthy");
  settles();
  assert_int_equal(world.deployments_count, 1);
  assert_int_equal(releases(), 2);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define R(f) cmocka_unit_test_setup_teardown(f, setup_running, teardown)
#define W(f) cmocka_unit_test_setup_teardown(f, setup_workload, teardown)
  const struct CMUnitTest tests[] = {
      T(test_every_form_of_reference),
      T(test_copies_take_their_places),
      T(test_names_of_copies),
      T(test_hashes_by_other_keys_are_not_compared),
      R(test_a_change_is_a_release_and_each_version_keeps_its_content),
      R(test_a_bad_one_goes_back_to_the_old_content),
      R(test_back_in_the_middle_is_no_release),
      R(test_image_and_content_at_once_are_one_release),
      R(test_undo_brings_the_content_back),
      R(test_copies_go_with_the_last_version_that_reads_them),
      R(test_an_optional_one_that_comes_and_goes),
      R(test_one_that_must_be_there),
      R(test_a_right_that_is_lacking_wedges_nothing),
      R(test_left_out_and_switched_off),
      R(test_another_key_starts_nothing),
      R(test_a_copy_that_was_deleted_is_made_again),
      T(test_an_upgrade_starts_nothing),
      R(test_status_that_was_lost_is_found_again),
      R(test_what_is_not_read_yet_is_waited_for),
      W(test_workload_a_change_is_released_and_taken_over),
      W(test_workload_undo_of_content_alone_says_what_to_do),
      W(test_workload_a_bad_one_leaves_the_deployment_alone),
      W(test_workload_content_that_changes_while_it_is_taken_over),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
