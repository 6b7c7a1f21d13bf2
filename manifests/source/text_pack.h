// SPDX-License-Identifier: Apache-2.0
// Texts that resemble each other, as the objects of one kind do, each kept by itself in a fraction
// of its bytes: it is packed with words, the texts that came shortly before. Words are learned anew
// from time to time and live as long as a text that was packed with them. Pure. text_pack.c is the
// only file that knows zlib.
#pragma once

#include "manifests/base/buf.h"

#define TEXT_WORDS_MAX (8u << 10)

struct text_words;

struct text_pack { // zeroed to begin with
  struct text_words *words;
  struct buf recent; // the newest texts: the next words
  size_t added, learn_at;
};

void text_pack_dispose(struct text_pack *pack); // words that texts still need stay
// Appends the packed text to `out`. The caller holds the returned words (NULL: none were needed)
// until text_words_release.
struct text_words *text_pack_add(struct text_pack *pack, struct str text, struct buf *out);
void text_words_release(struct text_words *words);
// Writes the `len` bytes that the text had. False when `packed` is not such a text.
bool text_unpack(const struct text_words *words, struct str packed, char *to, size_t len);
