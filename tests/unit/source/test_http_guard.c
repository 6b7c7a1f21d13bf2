// SPDX-License-Identifier: Apache-2.0
// Deadlines of connections, on socket pairs: who is late is shut down, who is not stays.
#include "manifests/source/http_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define PAIRS 6

struct fixture {
  uv_loop_t loop;
  struct http_guard guard;
  int ours[PAIRS], theirs[PAIRS];
  struct http_guarded *guarded[PAIRS];
  bool closed;
};

static void add(struct fixture *f, int i, int64_t first_ms) {
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  f->ours[i] = fds[0];
  f->theirs[i] = fds[1];
  f->guarded[i] = http_guard_add(&f->guard, fds[0], first_ms);
}

static bool is_shut(const struct fixture *f, int i) {
  char byte;
  return read(f->theirs[i], &byte, 1) == 0;
}

static void remove_all(struct fixture *f) {
  for (int i = 0; i < PAIRS; i++) {
    if (!f->guarded[i])
      continue;
    http_guard_remove(f->guarded[i]);
    close(f->ours[i]);
    close(f->theirs[i]);
  }
}

static void on_closed(void *data) {
  ((struct fixture *)data)->closed = true;
}

static void end(struct fixture *f) {
  remove_all(f);
  http_guard_close(&f->guard, on_closed, f);
  uv_run(&f->loop, UV_RUN_DEFAULT);
  assert_true(f->closed);
  assert_int_equal(uv_loop_close(&f->loop), 0);
}

static void begin(struct fixture *f, unsigned max_untrusted) {
  *f = (struct fixture){0};
  assert_int_equal(uv_loop_init(&f->loop), 0);
  http_guard_open(&f->guard, &f->loop, max_untrusted);
}

static void who_is_late_goes(void **state) {
  struct fixture f;
  (void)state;
  begin(&f, 0);
  add(&f, 0, 1);
  add(&f, 1, 1);
  add(&f, 2, 3600000);
  http_guard_expect(f.guarded[1], 0); // a watch that waits for news
  while (!is_shut(&f, 0))
    uv_run(&f.loop, UV_RUN_ONCE);
  assert_false(is_shut(&f, 1));
  assert_false(is_shut(&f, 2));
  end(&f);
}

static void a_crowd_without_credentials_makes_room(void **state) {
  struct fixture f;
  (void)state;
  begin(&f, 3);
  add(&f, 0, 3600000);
  http_guard_trust(f.guarded[0]);
  for (int i = 1; i < PAIRS; i++)
    add(&f, i, 3600000);
  assert_false(is_shut(&f, 0));
  assert_true(is_shut(&f, 1) && is_shut(&f, 2)); // the oldest
  for (int i = 3; i < PAIRS; i++)
    assert_false(is_shut(&f, i));
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(who_is_late_goes),
      cmocka_unit_test(a_crowd_without_credentials_makes_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
