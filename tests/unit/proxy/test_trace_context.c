// SPDX-License-Identifier: Apache-2.0
// Trace headers: what counts as a trace, and what a request without one gets.
#include "manifests/base/bug.h"
#include "proxy/trace_context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define GOOD "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static const uint64_t numbers[TRACE_RANDOM] = {0x1122334455667788, 0x99aabbccddeeff00, 0x10};

static void only_a_well_formed_parent_counts(void **state) {
  static const char *const bad[] = {"",
                                    "00",
                                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
                                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                                    "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                    "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                                    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                                    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                                    "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
                                    "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                    "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x"};
  (void)state;
  assert_true(trace_context_is_valid(STR(GOOD)));
  assert_true(
      trace_context_is_valid(STR("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more")));
  for (size_t i = 0; i < ARRAY_LEN(bad); i++)
    assert_false(trace_context_is_valid(str_of(bad[i])));
}

static void a_trace_that_came_is_one(void **state) {
  static const char *const names[][2] = {
      {"traceparent", GOOD}, {"b3", "0"}, {"x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7"}};
  struct head head;
  (void)state;
  head_init(&head);
  (void)head_add_name(&head, STR("tracestate"), STR("a=b"));
  (void)head_add_name(&head, STR("x-b3-sampled"), STR("1"));
  assert_false(trace_context_is_there(&head));
  for (size_t i = 0; i < ARRAY_LEN(names); i++) {
    head_init(&head);
    (void)head_add_name(&head, str_of(names[i][0]), str_of(names[i][1]));
    assert_true(trace_context_is_there(&head));
  }
  head_init(&head);
  (void)head_add_name(&head, STR("traceparent"), STR(GOOD));
  (void)head_add_name(&head, STR("traceparent"), STR(GOOD));
  assert_false(trace_context_is_there(&head)); // two are none
}

static void a_trace_begins_in_the_form_asked_for(void **state) {
  struct head head;
  char text[TRACE_TEXT];
  (void)state;
  head_init(&head);
  (void)head_add_name(&head, STR("traceparent"), STR("broken"));
  (void)head_add_name(&head, STR("tracestate"), STR("of=the broken one"));
  trace_context_start(&head, TRACE_W3C, numbers, text);
  assert_int_equal(head.count, 1);
  assert_true(
      str_eq(head.fields[0].value, STR("00-112233445566778999aabbccddeeff00-0000000000000011-01")));
  assert_true(trace_context_is_there(&head));
  head_init(&head);
  trace_context_start(&head, TRACE_B3, numbers, text);
  assert_int_equal(head.count, 2);
  assert_true(str_eq(head.fields[0].value, STR("112233445566778999aabbccddeeff00")));
  assert_true(str_eq(head.fields[1].value, STR("0000000000000011")));
  assert_true(trace_context_is_there(&head));
  head_init(&head);
  trace_context_start(&head, TRACE_OFF, numbers, text);
  assert_int_equal(head.count, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_a_well_formed_parent_counts),
      cmocka_unit_test(a_trace_that_came_is_one),
      cmocka_unit_test(a_trace_begins_in_the_form_asked_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
