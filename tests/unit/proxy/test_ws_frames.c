// SPDX-License-Identifier: Apache-2.0
// Boundaries of WebSocket frames, however the bytes are cut.
#include "proxy/ws_frames.h"

#include "manifests/base/bug.h"
#include "manifests/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define ROOM 400000u

// A frame of this many bytes; returns its size.
static size_t put_frame(unsigned char *to, size_t len, bool masked) {
  size_t at = 2;
  to[0] = 0x82;
  to[1] = (unsigned char)(len < 126 ? len : len < 65536 ? 126 : 127);
  if (len >= 126) {
    size_t bytes = len < 65536 ? 2 : 8;
    for (size_t i = 0; i < bytes; i++)
      to[at + i] = (unsigned char)(len >> (8 * (bytes - 1 - i)));
    at += bytes;
  }
  if (masked) {
    to[1] |= 0x80;
    memset(to + at, 0xff, 4);
    at += 4;
  }
  memset(to + at, 0x88, len);
  return at + len;
}

static void boundaries_are_found(void **state) {
  static unsigned char bytes[ROOM];
  static bool ends[ROOM + 1];
  static const size_t sizes[] = {0, 1, 125, 126, 127, 300, 65535, 65536, 70000};
  struct rng rng;
  (void)state;
  rng_init(&rng, 7);
  size_t len = 0;
  for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
    len += put_frame(bytes + len, sizes[i], i % 2);
    ends[len] = true;
  }
  for (int round = 0; round < 200; round++) {
    struct ws_frames frames = {0};
    for (size_t at = 0; at < len;) {
      assert_int_equal(ws_frames_at_boundary(&frames), at == 0 || ends[at]);
      size_t step = 1 + rng_next(&rng) % (round % 2 ? 9000 : 40000);
      if (step > len - at)
        step = len - at;
      // Now and then exactly to the end of a frame.
      for (size_t i = 1; i < step && round % 3 == 0; i++) {
        if (ends[at + i])
          step = i;
      }
      ws_frames_feed(&frames, (struct str){(const char *)bytes + at, step});
      at += step;
    }
    assert_true(ws_frames_at_boundary(&frames));
  }
}

static void farewells_are_frames(void **state) {
  struct ws_frames frames = {0};
  (void)state;
  ws_frames_feed(&frames, ws_close_to_client);
  assert_true(ws_frames_at_boundary(&frames));
  ws_frames_feed(&frames, ws_close_to_server);
  assert_true(ws_frames_at_boundary(&frames));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(boundaries_are_found),
      cmocka_unit_test(farewells_are_frames),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
