// SPDX-License-Identifier: Apache-2.0
// Tokens on disk: who is who, who goes, what is readable by whom.
#include "manifests/base/clock.h"
#include "operator/standalone/auth.h"
#include "operator/standalone/private_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
  char dir[64];
  struct arena arena;
  int64_t now_ms;
};

static int setup(void **state) {
  static struct fixture f;
  snprintf(f.dir, sizeof(f.dir), "/tmp/serin-auth-XXXXXX");
  arena_init(&f.arena);
  f.now_ms = clock_wall_ms();
  *state = &f;
  return mkdtemp(f.dir) ? 0 : -1;
}

static const char *const names[] = {
    "token",
    "kubeconfig",
    "access/operator.token",
    "access/operator.kubeconfig",
    "access/proxy.token",
    "access/proxy.kubeconfig",
    "access/runtime.token",
    "access/runtime.kubeconfig",
    "access/ca.crt",
    "access/tokens.json",
    "access/lock",
};
#define NAMES (sizeof(names) / sizeof(names[0]))

static int teardown(void **state) {
  struct fixture *f = *state;
  char path[128];
  for (size_t i = 0; i < NAMES; i++) {
    snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
    unlink(path);
  }
  snprintf(path, sizeof(path), "%s/access", f->dir);
  rmdir(path);
  arena_dispose(&f->arena);
  return rmdir(f->dir);
}

static struct str read_secret(struct fixture *f, const char *name) {
  struct str text = STR("");
  assert_int_equal(private_file_read(arena_printf(&f->arena, "%s/%s", f->dir, name).ptr, 4096,
                                     &f->arena, &text, NULL),
                   0);
  return str_trim(text);
}

// "alice viewer", or "" when the secret opens nothing at `now_ms`.
static const char *who_at(struct fixture *f, struct str secret, int64_t now_ms) {
  struct auth auth;
  assert_int_equal(auth_open(f->dir, &auth, NULL), 0);
  const struct api_user *user =
      auth_check(&auth, arena_printf(&f->arena, "Bearer %.*s", STR_ARG(secret)), now_ms);
  const char *text =
      user ? arena_printf(&f->arena, "%.*s %s", STR_ARG(user->name), user->role->name).ptr : "";
  if (user)
    assert_true(auth_is_valid(&auth, user->id, now_ms));
  auth_close(&auth);
  return text;
}

static const char *who(struct fixture *f, struct str secret) {
  return who_at(f, secret, f->now_ms);
}

static struct str create(struct fixture *f, const char *name, const char *role, int64_t for_ms) {
  struct str secret = STR("");
  struct auth_spec spec = {
      .name = str_of(name), .role = str_of(role), .expires_ms = for_ms ? f->now_ms + for_ms : 0};
  assert_int_equal(auth_create(f->dir, &spec, f->now_ms, &f->arena, &secret, NULL), 0);
  return secret;
}

static void only_good_tokens_open(void **state) {
  struct fixture *f = *state;
  struct auth auth;
  assert_int_equal(auth_open(f->dir, &auth, NULL), 0);
  struct str secret = read_secret(f, "token");
  struct str good = arena_printf(&f->arena, "Bearer %.*s", STR_ARG(secret));
  assert_int_equal(secret.len, 64);
  assert_non_null(auth_check(&auth, good, 0));
  assert_ptr_equal(auth_check(&auth, good, 0), auth.owner);
  assert_non_null(auth_check(&auth, arena_printf(&f->arena, "bearer  %.*s ", STR_ARG(secret)), 0));
  assert_null(auth_check(&auth, secret, 0));
  assert_null(auth_check(&auth, STR(""), 0));
  assert_null(auth_check(&auth, STR("Bearer "), 0));
  assert_null(auth_check(&auth, str_slice(good, 0, good.len - 1), 0));
  assert_null(auth_check(&auth, arena_printf(&f->arena, "%.*sx", STR_ARG(good)), 0));
  auth_close(&auth);
  assert_true(str_eq(secret, read_secret(f, "token")));
}

static void components_have_roles_of_their_own(void **state) {
  struct fixture *f = *state;
  (void)who(f, STR(""));
  assert_string_equal(who(f, read_secret(f, "access/operator.token")),
                      "system:serin:operator operator");
  assert_string_equal(who(f, read_secret(f, "access/proxy.token")), "system:serin:proxy proxy");
  assert_string_equal(who(f, read_secret(f, "access/runtime.token")),
                      "system:serin:runtime runtime");
}

static void tokens_come_and_go(void **state) {
  struct fixture *f = *state;
  struct str alice = create(f, "alice", "viewer", 0), bob = create(f, "bob", "promote", 1000);
  struct str again = STR("");
  struct err err;
  assert_string_equal(who(f, alice), "alice viewer");
  assert_string_equal(who(f, bob), "bob promote");
  assert_string_equal(who_at(f, bob, f->now_ms + 1000), ""); // expired
  struct auth_spec same = {.name = STR("alice"), .role = STR("admin")};
  assert_int_equal(auth_create(f->dir, &same, f->now_ms, &f->arena, &again, &err), RC_EXISTS);
  assert_int_equal(auth_delete(f->dir, STR("alice"), NULL), 0);
  assert_string_equal(who(f, alice), "");
  assert_int_equal(auth_delete(f->dir, STR("alice"), NULL), RC_NOT_FOUND);
}

static void a_rotated_secret_lives_on_for_its_grace(void **state) {
  struct fixture *f = *state;
  static const char *const whose[] = {"carol", "owner", "proxy"};
  struct str before[3] = {create(f, "carol", "admin", 0)};
  (void)who(f, STR(""));
  before[1] = read_secret(f, "token");
  before[2] = read_secret(f, "access/proxy.token");
  for (size_t i = 0; i < 3; i++) {
    struct str fresh = STR("");
    assert_int_equal(
        auth_rotate(f->dir, str_of(whose[i]), 5000, f->now_ms, &f->arena, &fresh, NULL), 0);
    const char *is = who(f, fresh);
    assert_true(is[0] != 0);
    assert_string_equal(who_at(f, before[i], f->now_ms + 1000), is);
    assert_string_equal(who_at(f, before[i], f->now_ms + 5000), "");
    assert_string_equal(who_at(f, fresh, f->now_ms + 5000), is);
  }
}

static void what_is_refused(void **state) {
  struct fixture *f = *state;
  static const struct {
    const char *name, *role, *why;
  } rows[] = {{"a b", "viewer", "letters"},
              {"", "viewer", "letters"},
              {"owner", "viewer", "Serin's own"},
              {"dave", "root", "expected one of admin"}};
  struct str secret = STR("");
  for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
    struct err err = {.msg = ""};
    struct auth_spec spec = {.name = str_of(rows[i].name), .role = str_of(rows[i].role)};
    assert_int_equal(auth_create(f->dir, &spec, f->now_ms, &f->arena, &secret, &err), RC_INVALID);
    assert_non_null(strstr(err.msg, rows[i].why));
  }
  assert_int_equal(auth_delete(f->dir, STR("operator"), NULL), RC_INVALID);
}

static void a_short_token_is_refused(void **state) {
  struct fixture *f = *state;
  struct auth auth;
  struct err err = {.msg = ""};
  char path[128];
  snprintf(path, sizeof(path), "%s/token", f->dir);
  assert_int_equal(private_file_write(path, STR("short"), NULL), 0);
  assert_int_equal(auth_open(f->dir, &auth, &err), RC_INVALID);
  assert_non_null(strstr(err.msg, "16 characters"));
}

static void private_files_are_private(void **state) {
  struct fixture *f = *state;
  char path[128];
  struct stat info;
  (void)create(f, "alice", "viewer", 0);
  (void)who(f, STR(""));
  assert_int_equal(auth_write_kubeconfigs(f->dir, 1234, STR("pem"), NULL), 0);
  snprintf(path, sizeof(path), "%s/kubeconfig", f->dir);
  assert_int_equal(chmod(path, 0644), 0);
  assert_int_equal(auth_write_kubeconfigs(f->dir, 1235, STR("pem"), NULL), 0);
  for (size_t i = 0; i < NAMES; i++) {
    snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
  }
  snprintf(path, sizeof(path), "%s/access", f->dir);
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 0777, 0700);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(only_good_tokens_open),     TEST(components_have_roles_of_their_own),
      TEST(tokens_come_and_go),        TEST(a_rotated_secret_lives_on_for_its_grace),
      TEST(what_is_refused),           TEST(a_short_token_is_refused),
      TEST(private_files_are_private),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
