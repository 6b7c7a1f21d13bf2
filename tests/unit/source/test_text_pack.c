// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/alloc.h"
#include "manifests/base/rng.h"
#include "manifests/source/text_pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct kept {
  struct text_words *words;
  struct buf packed, text;
};

static void keep(struct text_pack *pack, struct kept *kept, struct str text) {
  buf_init(&kept->packed, 1u << 24);
  buf_init(&kept->text, 1u << 24);
  (void)buf_add_str(&kept->text, text);
  kept->words = text_pack_add(pack, text, &kept->packed);
}

static void assert_whole(const struct kept *kept) {
  char *to = xmalloc(kept->text.len + 1);
  assert_true(text_unpack(kept->words, buf_str(&kept->packed), to, kept->text.len));
  assert_true(str_eq((struct str){to, kept->text.len}, buf_str(&kept->text)));
  xfree(to);
}

static void drop(struct kept *kept) {
  text_words_release(kept->words);
  buf_dispose(&kept->packed);
  buf_dispose(&kept->text);
}

// A Deployment's worth of text, of which little differs from one to the next.
static void object_text(struct buf *out, size_t number) {
  buf_reset(out);
  (void)buf_addf(out, "{\"metadata\":{\"name\":\"agent-%zu\",\"uid\":\"%08zx\"}", number,
                 number * 2654435761u);
  for (int i = 0; i < 12; i++)
    (void)buf_addf(out, ",\"container-%d\":{\"image\":\"registry.example.com/agent:v%d\"}", i, i);
  (void)buf_addf(out, "}");
}

static void similar_texts_take_a_fraction(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  struct text_pack pack = {0};
  struct kept *kept = xcalloc(COUNT, sizeof *kept);
  struct buf text;
  size_t plain = 0, packed = 0;
  buf_init(&text, 1u << 16);
  for (size_t i = 0; i < COUNT; i++) {
    object_text(&text, i);
    keep(&pack, &kept[i], buf_str(&text));
    plain += text.len;
    packed += kept[i].packed.len;
  }
  assert_true(packed * 10 < plain);
  text_pack_dispose(&pack); // texts hold the words they need
  for (size_t i = 0; i < COUNT; i++) {
    assert_whole(&kept[i]);
    drop(&kept[i]);
  }
  xfree(kept);
  buf_dispose(&text);
}

static void any_text_comes_back(void **state) {
  (void)state;
  static const size_t sizes[] = {0, 1, 7, 4000, TEXT_WORDS_MAX, TEXT_WORDS_MAX + 1, 100000, 3};
  struct text_pack pack = {0};
  struct kept kept[sizeof sizes / sizeof sizes[0]];
  struct rng rng;
  rng_init(&rng, 7);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    char *bytes = xmalloc(sizes[i] + 1);
    for (size_t b = 0; b < sizes[i]; b++)
      bytes[b] = (char)rng_below(&rng, i % 2 ? 256 : 4);
    keep(&pack, &kept[i], (struct str){bytes, sizes[i]});
    xfree(bytes);
  }
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    assert_whole(&kept[i]);
    drop(&kept[i]);
  }
  text_pack_dispose(&pack);
}

static void another_text_is_not_taken_for_it(void **state) {
  (void)state;
  struct text_pack pack = {0};
  struct kept kept;
  char to[64];
  keep(&pack, &kept, STR("a text of some length"));
  assert_false(text_unpack(kept.words, buf_str(&kept.packed), to, kept.text.len - 1));
  assert_false(text_unpack(kept.words, buf_str(&kept.packed), to, kept.text.len + 1));
  assert_false(text_unpack(kept.words, STR("nonsense"), to, 8));
  assert_false(text_unpack(kept.words, STR(""), to, 8));
  drop(&kept);
  text_pack_dispose(&pack);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(similar_texts_take_a_fraction),
      cmocka_unit_test(any_text_comes_back),
      cmocka_unit_test(another_text_is_not_taken_for_it),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
