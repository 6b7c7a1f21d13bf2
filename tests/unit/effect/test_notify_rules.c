// SPDX-License-Identifier: Apache-2.0
// Where Rollouts' notifications may go.
#include "operator/effect/notify_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct notify_rules rules_of(struct arena *arena, const char *network, const char *host,
                                    const char *host2) {
  struct str networks[] = {str_of(network)}, hosts[] = {str_of(host), str_of(host2)};
  struct notify_rules rules;
  assert_int_equal(notify_rules_read(networks, network ? 1 : 0, hosts,
                                     host2  ? 2
                                     : host ? 1
                                            : 0,
                                     STR_NULL, arena, &rules, NULL),
                   RC_OK);
  return rules;
}

static bool takes(const struct notify_rules *rules, const char *url) {
  struct arena arena;
  arena_init(&arena);
  bool takes = !notify_rules_url_problem(rules, str_of(url), &arena);
  arena_dispose(&arena);
  return takes;
}

static void without_rules_the_internet(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct notify_rules rules = rules_of(&arena, NULL, NULL, NULL);
  assert_true(takes(&rules, "https://hooks.slack.com/x"));
  assert_true(takes(&rules, "https://1.1.1.1/x"));
  static const char *const refused[] = {"https://127.0.0.1/x",
                                        "https://127.1/x",
                                        "https://0x7f000001/",
                                        "https://2130706433/",
                                        "https://[::1]/",
                                        "https://169.254.169.254/latest",
                                        "https://[fd00:ec2::254]/",
                                        "https://10.0.0.1:6443/",
                                        "https://[::ffff:10.0.0.1]/",
                                        "https://10.0.0.1./",
                                        "not a url"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    assert_false(takes(&rules, refused[i]));
  arena_dispose(&arena);
}

static void networks_open_more(void **state) {
  (void)state;
  struct arena arena;
  struct sockaddr_storage address;
  arena_init(&arena);
  struct notify_rules rules = rules_of(&arena, "10.2.0.0/16", NULL, NULL);
  assert_true(takes(&rules, "https://10.2.3.4/x"));
  assert_false(takes(&rules, "https://10.3.3.4/x"));
  assert_true(takes(&rules, "https://1.1.1.1/x"));
  assert_true(net_address_parse(STR("10.2.0.1"), &address));
  assert_true(notify_rules_may_connect(&rules, (struct sockaddr *)&address));
  assert_true(net_address_parse(STR("169.254.169.254"), &address));
  assert_false(notify_rules_may_connect(&rules, (struct sockaddr *)&address));
  arena_dispose(&arena);
}

static void hosts_close_the_rest(void **state) {
  (void)state;
  struct arena arena;
  arena_init(&arena);
  struct notify_rules rules = rules_of(&arena, NULL, "hooks.slack.com", "*.example.com");
  static const struct {
    const char *url;
    bool takes;
  } rows[] = {
      {"https://hooks.slack.com/x", true},          {"https://HOOKS.slack.com:443/x", true},
      {"https://hooks.slack.com./x", true},         {"https://a.hooks.slack.com/", false},
      {"https://hooks.slack.com.evil.org/", false}, {"https://evil.org/hooks.slack.com", false},
      {"https://hooks.slack.com@evil.org/", false}, {"https://a.example.com/", true},
      {"https://a.b.example.com/", true},           {"https://example.com/", false},
      {"https://badexample.com/", false},           {"https://1.1.1.1/", false}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    assert_int_equal(takes(&rules, rows[i].url), rows[i].takes);
  rules = rules_of(&arena, NULL, "127.0.0.1", NULL); // a named host is no allowed network
  assert_false(takes(&rules, "https://127.0.0.1/"));
  arena_dispose(&arena);
}

static void bad_options_are_said(void **state) {
  (void)state;
  struct arena arena;
  struct notify_rules rules;
  struct err err = {0};
  struct str network[] = {STR("10.0.0.0")}, host[] = {STR("https://x")},
             upper[] = {STR("Example.com")};
  arena_init(&arena);
  assert_int_equal(notify_rules_read(network, 1, NULL, 0, STR_NULL, &arena, &rules, &err),
                   RC_USAGE);
  assert_string_equal(
      err.msg,
      "--notify-allow: expected a network like 10.0.0.0/8 or fd00::/8, found \"10.0.0.0\"");
  assert_int_equal(notify_rules_read(NULL, 0, host, 1, STR_NULL, &arena, &rules, &err), RC_USAGE);
  assert_int_equal(notify_rules_read(NULL, 0, upper, 1, STR_NULL, &arena, &rules, &err), RC_USAGE);
  assert_int_equal(notify_rules_read(NULL, 0, NULL, 0, STR("nothing"), &arena, &rules, &err),
                   RC_USAGE);
  arena_dispose(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_rules_the_internet),
      cmocka_unit_test(networks_open_more),
      cmocka_unit_test(hosts_close_the_rest),
      cmocka_unit_test(bad_options_are_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
