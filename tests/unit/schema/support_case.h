// SPDX-License-Identifier: Apache-2.0
// What each test of this room has: memory and findings of its own.
#pragma once

#include "manifests/base/findings.h"
#include "manifests/text/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TEST(name) cmocka_unit_test_setup_teardown(name, case_begin, case_end)

extern struct arena arena;
extern struct findings findings;

int case_begin(void **state);
int case_end(void **state);
void same(const struct json *json, const char *text);
