// SPDX-License-Identifier: Apache-2.0
// Raw deflate with a preset dictionary. A window of twice the words keeps all of them in reach of a
// text of usual length.
#include "manifests/source/text_pack.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define WINDOW_BITS 14
#define MEMORY_LEVEL 5
#define LESSON_TEXTS 16
#define LEARN_FACTOR 8 // words are learned from the 1st, the 8th, the 64th ... text

_Static_assert(TEXT_WORDS_MAX * 2 == 1u << WINDOW_BITS, "the window is twice the words");

struct text_words {
  size_t users, len;
  char text[];
};

void text_words_release(struct text_words *words) {
  if (words && --words->users == 0)
    xfree(words);
}

void text_pack_dispose(struct text_pack *pack) {
  text_words_release(pack->words);
  buf_dispose(&pack->recent);
  *pack = (struct text_pack){0};
}

static void learn(struct text_pack *pack) {
  struct str recent = buf_str(&pack->recent);
  struct text_words *words = xmalloc(sizeof *words + recent.len);
  *words = (struct text_words){.users = 1, .len = recent.len};
  if (recent.len)
    memcpy(words->text, recent.ptr, recent.len);
  text_words_release(pack->words);
  pack->words = words;
}

// The texts shortly before the next lesson are what is learned.
static void remember(struct text_pack *pack, struct str text) {
  struct buf *recent = &pack->recent;
  pack->added++;
  if (pack->added + LESSON_TEXTS <= pack->learn_at)
    return;
  if (!recent->max)
    buf_init(recent, TEXT_WORDS_MAX);
  text = str_slice(text, 0, TEXT_WORDS_MAX);
  if (recent->len + text.len > TEXT_WORDS_MAX)
    buf_consume(recent, recent->len + text.len - TEXT_WORDS_MAX);
  (void)buf_add_str(recent, text);
  if (pack->added < pack->learn_at)
    return;
  learn(pack);
  buf_dispose(recent);
  pack->learn_at = pack->added * LEARN_FACTOR;
}

static const Bytef *bytes_of(struct str s) {
  return (const Bytef *)(s.ptr ? s.ptr : "");
}

struct text_words *text_pack_add(struct text_pack *pack, struct str text, struct buf *out) {
  struct text_words *words = pack->words;
  z_stream stream = {0};
  BUG_ON(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL,
                      Z_DEFAULT_STRATEGY) != Z_OK);
  if (words) {
    words->users++;
    BUG_ON(deflateSetDictionary(&stream, (const Bytef *)words->text, (uInt)words->len) != Z_OK);
  }
  uLong room = deflateBound(&stream, text.len);
  char *to = buf_reserve(out, room);
  BUG_ON(!to); // `out` has to be as large as a text may be
  stream.next_in = bytes_of(text);
  stream.avail_in = (uInt)text.len;
  stream.next_out = (Bytef *)to;
  stream.avail_out = (uInt)room;
  BUG_ON(deflate(&stream, Z_FINISH) != Z_STREAM_END);
  out->len += stream.total_out;
  deflateEnd(&stream);
  remember(pack, text);
  return words;
}

bool text_unpack(const struct text_words *words, struct str packed, char *to, size_t len) {
  z_stream stream = {.next_in = bytes_of(packed), .avail_in = (uInt)packed.len};
  Bytef extra; // zlib wants room even for nothing
  BUG_ON(inflateInit2(&stream, -WINDOW_BITS) != Z_OK);
  if (words)
    BUG_ON(inflateSetDictionary(&stream, (const Bytef *)words->text, (uInt)words->len) != Z_OK);
  stream.next_out = len ? (Bytef *)to : &extra;
  stream.avail_out = len ? (uInt)len : 1;
  int rc = inflate(&stream, Z_FINISH);
  bool whole = rc == Z_STREAM_END && stream.total_out == len && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole;
}
