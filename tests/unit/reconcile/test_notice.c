// SPDX-License-Identifier: Apache-2.0
// What people are told: which change of status is which event, what waits in status and until when,
// and the messages (tests/golden/notice).
#include "../kinds/support_golden.h"
#include "operator/reconcile/notice.h"
#include "support_story.h"

#include <string.h>

#define STEPS                                                                                      \
  "[{\"deploy\":{}},{\"setWeight\":10},{\"monitor\":{\"duration\":\"1m\",\"min\":\"10s\"}},"       \
  "{\"pause\":{}},{\"setWeight\":100},{\"monitor\":{\"duration\":\"20s\",\"min\":\"20s\"}},"       \
  "{\"decommission\":{}}]"

// --- which events ---

static struct rollout_status in_phase(enum rollout_phase phase) {
  return (struct rollout_status){.phase = phase};
}

static void expect(const struct rollout_status *before, const struct rollout_status *after,
                   enum rollout_event only) {
  enum rollout_event due[ROLLOUT_EVENTS];
  size_t count = notice_due(before, after, due);
  assert_int_equal(count, only ? 1 : 0);
  if (only)
    assert_int_equal(due[0], only);
}

static void phases_are_entered_once(void **state) {
  (void)state;
  static const struct {
    enum rollout_phase phase;
    enum rollout_event event;
  } rows[] = {{ROLLOUT_PAUSED, ROLLOUT_EVENT_PAUSED},
              {ROLLOUT_HOLDING, ROLLOUT_EVENT_HOLDING},
              {ROLLOUT_DEGRADED, ROLLOUT_EVENT_FAILED},
              {ROLLOUT_PROGRESSING, (enum rollout_event)0},
              {ROLLOUT_HEALTHY, (enum rollout_event)0}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct rollout_status before = in_phase(ROLLOUT_DEPLOYING), after = in_phase(rows[i].phase);
    expect(&before, &after, rows[i].event);
    expect(&after, &after, (enum rollout_event)0);
  }
}

static void a_rollback_is_told_when_the_traffic_goes(void **state) {
  (void)state;
  struct rollout_release runs = {.id = STR("r-1")},
                         back = {.id = STR("r-1"), .result = STR("RolledBack")};
  struct rollout_history ended = {.revision = 2, .result = STR("RolledBack"), .when = 5};
  struct rollout_status before = {.phase = ROLLOUT_PROGRESSING, .release = &runs};
  struct rollout_status going = {.phase = ROLLOUT_ROLLING_BACK, .release = &back};
  struct rollout_status done = {
      .phase = ROLLOUT_ROLLED_BACK, .history = &ended, .history_count = 1};
  expect(&before, &going, ROLLOUT_EVENT_ROLLED_BACK);
  expect(&going, &done, (enum rollout_event)0);
  expect(&before, &done, ROLLOUT_EVENT_ROLLED_BACK); // in one step, where there was no traffic
  back.result = STR("Aborted");
  expect(&before, &going, ROLLOUT_EVENT_ABORTED);
  back.result = STR("Superseded");
  expect(&before, &going, (enum rollout_event)0);
}

static void a_stall_is_told_for_each_reason(void **state) {
  (void)state;
  struct rollout_condition shadowed = {
      .type = STR("Stalled"), .status = ROLLOUT_TRUE, .reason = STR("VirtualServiceShadowed")};
  struct rollout_condition deadline = {
      .type = STR("Stalled"), .status = ROLLOUT_TRUE, .reason = STR("ProgressDeadlineExceeded")};
  struct rollout_condition failed = {
      .type = STR("Stalled"), .status = ROLLOUT_TRUE, .reason = STR("RolledBack")};
  struct rollout_status moves = in_phase(ROLLOUT_PROGRESSING), first = moves, second = moves,
                        third = moves;
  first.conditions = &shadowed, first.conditions_count = 1;
  second.conditions = &deadline, second.conditions_count = 1;
  third.conditions = &failed, third.conditions_count = 1;
  expect(&moves, &first, ROLLOUT_EVENT_STALLED);
  expect(&first, &first, (enum rollout_event)0);
  expect(&first, &second, ROLLOUT_EVENT_STALLED);
  expect(&moves, &third, (enum rollout_event)0);
  expect(&first, &moves, (enum rollout_event)0);
}

// --- what waits in status ---

static struct world *begin(struct story *story, const char *notifications) {
  struct world *world = story_pair(story, STEPS);
  if (notifications)
    json_put(world->arena, json_get(world->rollout, "spec"), "notifications",
             parsed(world, notifications));
  return world;
}

static struct json *notice(const struct world *world, size_t index) {
  return json_at(json_path(world->rollout, "status.notices"), index);
}

static void delivered(struct world *world, enum notice_outcome outcome, const char *why) {
  world->notice = (struct notice_result){json_int(json_get(notice(world, 0), "number"), 0), outcome,
                                         str_of(why)};
  world_settle(world);
}

static const struct json *condition(const struct world *world) {
  return story_condition(world, "NotificationsDelivered");
}

static void nobody_is_told_unless_asked(void **state) {
  (void)state;
  struct story story;
  struct world *world = begin(&story, NULL);
  world_run(world, "Paused", HOUR, false);
  assert_null(notice(world, 0));
  story_end(&story);
}

static void it_waits_until_it_is_delivered(void **state) {
  (void)state;
  struct story story;
  struct world *world =
      begin(&story, "[{\"name\":\"a\",\"form\":\"generic\",\"secretRef\":{\"name\":\"s\"}}]");
  world_run(world, "Paused", HOUR, false);
  const struct json *waits = notice(world, 0);
  assert_string_equal(json_get_string(waits, "event").ptr, "paused");
  assert_string_equal(json_get_string(waits, "weight").ptr, "10");
  assert_int_equal(json_int(json_get(waits, "number"), 0), 1);
  delivered(world, NOTICE_FAILING, "a: HTTP 500, 3 tries");
  assert_non_null(notice(world, 0));
  assert_string_equal(json_get_string(condition(world), "reason").ptr, "Retrying");
  assert_string_equal(json_get_string(condition(world), "message").ptr, "a: HTTP 500, 3 tries");
  delivered(world, NOTICE_DELIVERED, "");
  assert_null(notice(world, 0));
  assert_string_equal(json_get_string(condition(world), "status").ptr, "True");
  story_end(&story);
}

static void one_that_is_given_up_is_said(void **state) {
  (void)state;
  struct story story;
  struct world *world = begin(&story, NULL);
  world->notify_default = true;
  world_run(world, "Paused", HOUR, false);
  delivered(world, NOTICE_DROPPED, "default: HTTP 404, 1 tries");
  assert_null(notice(world, 0));
  assert_string_equal(json_get_string(condition(world), "reason").ptr, "GivenUp");
  bool told = false;
  JSON_EACH(decision, json_path(world->rollout, "status.decisions")) {
    told |= str_eq_z(json_get_string(decision, "reason"), "NotificationFailed");
  }
  assert_true(told);
  story_end(&story);
}

static void only_the_events_that_are_wanted(void **state) {
  (void)state;
  struct story story;
  struct world *world =
      begin(&story,
            "[{\"name\":\"a\",\"secretRef\":{\"name\":\"s\"},\"on\":[\"promoted\",\"aborted\"]}]");
  world_run(world, "Paused", HOUR, false);
  assert_null(notice(world, 0));
  world_act(world, "abort");
  world_run(world, "Aborted", HOUR, false);
  assert_string_equal(json_get_string(notice(world, 0), "event").ptr, "aborted");
  assert_string_equal(json_get_string(notice(world, 0), "weight").ptr, "10");
  assert_null(notice(world, 1));
  story_end(&story);
}

// Whatever fails, whenever the process dies: the notice of a rollback is in status before it can be
// forgotten, once.
static void a_rollback_is_never_forgotten(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= world_rounds(50); seed++) {
    struct story story;
    struct world *world = begin(&story, NULL);
    rng_init(&world->rng, seed);
    world->notify_default = true;
    for (int i = 0; i < 3000 && world_share(world, "v2") != 1000; i++)
      world_run(world, "-", 1000, true);
    world->outcome = OUTCOME_FAIL;
    world_run(world, "RolledBack", HOUR, true);
    size_t told = 0;
    JSON_EACH(item, json_path(world->rollout, "status.notices")) {
      told += str_eq_z(json_get_string(item, "event"), "rolledBack");
    }
    assert_int_equal(told, 1);
    story_end(&story);
  }
}

static void what_goes_to_and_fro_is_told_once(void **state) {
  (void)state;
  struct story story;
  struct world *world = begin(&story, NULL);
  world->notify_default = true;
  for (int i = 0; i < 3000 && world_share(world, "v2") != 1000; i++)
    world_run(world, "-", 1000, false);
  for (int i = 0; i < 4; i++) {
    world_act(world, i % 2 ? "resume" : "pause");
    world_settle(world);
  }
  size_t told = 0;
  JSON_EACH(item, json_path(world->rollout, "status.notices")) {
    told += str_eq_z(json_get_string(item, "event"), "paused");
  }
  assert_int_equal(told, 1);
  story_end(&story);
}

// --- messages ---

static void messages(void **state) {
  (void)state;
  struct rollout_metric_status metrics[] = {
      {.name = STR("error-rate"),
       .canary = STR("20.1%"),
       .stable = STR("0.1%"),
       .limit = STR("1%"),
       .requests = 1087,
       .bad = 218,
       .verdict = ROLLOUT_FAIL,
       .reason = STR("218 of 1087 canary requests failed")},
      {.name = STR("latency-p99"), .canary = STR("212ms"), .verdict = ROLLOUT_PASS},
  };

  const struct notice_about about = {STR("team1"), STR("agent"), STR("0b5c2a1e-uid")};
  const struct rollout_notice bad = {
      .number = 7,
      .event = ROLLOUT_EVENT_ROLLED_BACK,
      .at = 1767225600000,
      .release = STR("v1-abcdefghij-3"),
      .version = STR("agent:2"),
      .stable_version = STR("agent:1"),
      .weight = STR("10"),
      .reason = STR("AnalysisFailed"),
      .message = STR("error-rate: <b>20.1%</b> [click](http://evil) & more @here"),
      .metrics = metrics,
      .metrics_count = 2};
  const struct rollout_notice good = {.number = 8,
                                      .event = ROLLOUT_EVENT_PROMOTED,
                                      .at = 1767225600000,
                                      .version = STR("agent:2"),
                                      .stable_version = STR("agent:1"),
                                      .weight = STR("100"),
                                      .who = STR("ann (claimed)"),
                                      .reason = STR("Promoted")};
  const struct rollout_notice *notices[] = {&bad, &good};
  for (size_t i = 0; i < 2; i++)
    for (int form = NOTIFICATION_GENERIC; form <= NOTIFICATION_TEAMS; form++) {
      struct arena arena;
      struct buf text;
      arena_init(&arena);
      buf_init(&text, 1u << 20);
      const char *path = arena_printf(&arena, "tests/golden/notice/%s_%s.json",
                                      rollout_event_name(notices[i]->event),
                                      enum_name(rollout_notification_forms, form))
                             .ptr;
      assert_int_equal(json_write_pretty(&text, notice_body((enum rollout_notification_form)form,
                                                            &about, notices[i], &arena)),
                       RC_OK);
      golden_same(path, buf_str(&text));
      buf_dispose(&text);
      arena_dispose(&arena);
    }
}

// A message of any length and of any characters stays below what receivers take: Slack 3,000
// characters a section and 13,000 in all, Teams 21 KB in practice; and is JSON.
static void long_texts_are_cut(void **state) {
  (void)state;
  static const char *const pieces[] = {"\xc3\xa9",         "\"", "\\", "&", "<", "[", "\x01",
                                       "\xf0\x9f\x92\xa5", "a"};
  static char text[20000];
  for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
    size_t length = strlen(pieces[p]), filled = 0;
    for (; filled + length <= sizeof text; filled += length)
      memcpy(text + filled, pieces[p], length);
    struct str all = {text, filled};
    struct rollout_metric_status metrics[ROLLOUT_NOTICE_METRICS_MAX];
    for (size_t i = 0; i < ROLLOUT_NOTICE_METRICS_MAX; i++)
      metrics[i] = (struct rollout_metric_status){.name = all,
                                                  .canary = all,
                                                  .stable = all,
                                                  .limit = all,
                                                  .verdict = ROLLOUT_FAIL,
                                                  .reason = all};
    const struct rollout_notice notice = {.event = ROLLOUT_EVENT_HOLDING,
                                          .message = all,
                                          .reason = all,
                                          .release = all,
                                          .version = all,
                                          .stable_version = all,
                                          .weight = all,
                                          .who = all,
                                          .metrics = metrics,
                                          .metrics_count = ROLLOUT_NOTICE_METRICS_MAX};
    const struct notice_about about = {STR("n"), STR("r"), STR("u")};
    static const struct {
      enum rollout_notification_form form;
      size_t max;
    } rows[] = {
        {NOTIFICATION_SLACK, 13000}, {NOTIFICATION_TEAMS, 21000}, {NOTIFICATION_GENERIC, 330000}};
    for (size_t r = 0; r < 3; r++) {
      struct arena arena;
      struct json *again = NULL;
      arena_init(&arena);
      struct json *body = notice_body(rows[r].form, &about, &notice, &arena);
      JSON_EACH(block, json_get(body, "blocks")) {
        assert_in_range(json_path_string(block, "text.text").len, 1, 3000);
      }
      struct str written = json_text(&arena, body);
      assert_in_range(written.len, 1000, rows[r].max);
      assert_int_equal(json_parse(written, &arena, &again, NULL), RC_OK); // cut between characters
      arena_dispose(&arena);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(phases_are_entered_once),
      cmocka_unit_test(a_rollback_is_told_when_the_traffic_goes),
      cmocka_unit_test(a_stall_is_told_for_each_reason),
      cmocka_unit_test(nobody_is_told_unless_asked),
      cmocka_unit_test(it_waits_until_it_is_delivered),
      cmocka_unit_test(one_that_is_given_up_is_said),
      cmocka_unit_test(only_the_events_that_are_wanted),
      cmocka_unit_test(a_rollback_is_never_forgotten),
      cmocka_unit_test(what_goes_to_and_fro_is_told_once),
      cmocka_unit_test(messages),
      cmocka_unit_test(long_texts_are_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
