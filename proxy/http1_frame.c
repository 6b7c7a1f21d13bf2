// SPDX-License-Identifier: Apache-2.0
#include "proxy/http1_frame.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"

#include <string.h>

// Chunk sizes, extensions and trailers may cost a peer this much more than the body they frame.
#define FRAMING_FLOOR (64u * 1024)
#define FRAMING_FACTOR 16u
#define SIZE_DIGITS_MAX 16u

enum step {
  STEP_SIZE,
  STEP_NAME_FIRST, // of an extension
  STEP_NAME,
  STEP_VALUE_FIRST,
  STEP_VALUE,
  STEP_QUOTED,
  STEP_QUOTED_PAIR,
  STEP_QUOTED_END,
  STEP_SIZE_LF,
  STEP_DATA,
  STEP_DATA_CR,
  STEP_DATA_LF,
  STEP_LAST, // behind the last chunk: a trailer or the end
  STEP_TRAILERS,
  STEP_LAST_LF,
  STEP_END,
  STEP_JUNK,
};

void http1_frame_start(struct http1_frame *f, enum http1_frame_kind kind, uint64_t length) {
  f->kind = kind;
  f->step = STEP_SIZE;
  f->digits = 0;
  f->left = kind == HTTP1_FRAME_LENGTH ? length : 0;
  f->body_bytes = f->wire_bytes = 0;
  if (f->trailers)
    f->trailers->count = 0;
}

void http1_frame_dispose(struct http1_frame *f) {
  xfree(f->trailers);
  f->trailers = NULL;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_token(char c) {
  return head_is_token((struct str){&c, 1});
}

static bool is_text(char c) {
  return c == '\t' || ((unsigned char)c >= ' ' && c != 0x7f);
}

static enum step on_size(struct http1_frame *f, char c) {
  int digit = hex_value(c);
  if (digit < 0)
    return f->digits == 0 ? STEP_JUNK
           : c == ';'     ? STEP_NAME_FIRST
           : c == '\r'    ? STEP_SIZE_LF
                          : STEP_JUNK;
  if (f->digits++ == SIZE_DIGITS_MAX || f->left >> 59)
    return STEP_JUNK;
  f->left = f->left * 16 + (unsigned)digit;
  return STEP_SIZE;
}

// What may follow on a complete extension.
static enum step after_extension(char c) {
  return c == ';' ? STEP_NAME_FIRST : c == '\r' ? STEP_SIZE_LF : STEP_JUNK;
}

static enum step on_last(struct http1_frame *f, char c) {
  if (c == '\r')
    return STEP_LAST_LF;
  if (!is_token(c))
    return STEP_JUNK;
  if (!f->trailers)
    f->trailers = xmalloc(sizeof(*f->trailers));
  f->trailers->count = 0;
  f->trailers->len = 1;
  f->trailers->text[0] = c;
  return STEP_TRAILERS;
}

static bool read_trailer(struct head_trailers *t, char *line, size_t len) {
  char *colon = memchr(line, ':', len);
  if (!colon || colon == line)
    return false;
  size_t name_len = (size_t)(colon - line);
  for (size_t i = 0; i < name_len; i++) {
    if (!is_token(line[i]))
      return false;
    if (line[i] >= 'A' && line[i] <= 'Z')
      line[i] = (char)(line[i] - 'A' + 'a');
  }
  for (size_t i = name_len + 1; i < len; i++) {
    if (!is_text(line[i]))
      return false;
  }
  struct str name = {line, name_len};
  // It would come too late to mean anything but a trap.
  if (str_eq(name, STR("transfer-encoding")))
    return false;
  return head_trailers_add(t, name, str_trim((struct str){colon + 1, len - name_len - 1}));
}

// The whole section is there, its empty line with it. A fold begins with a space, which is no name.
static bool read_trailers(struct head_trailers *t) {
  size_t at = 0;
  while (t->len - at > 2) {
    char *lf = memchr(t->text + at, '\n', t->len - at);
    size_t len = (size_t)(lf - (t->text + at));
    if (len < 2 || lf[-1] != '\r' || !read_trailer(t, t->text + at, len - 1))
      return false;
    at += len + 1;
  }
  return true;
}

static enum step on_trailers(struct head_trailers *t, char c) {
  if (t->len == HEAD_TRAILERS_BYTES)
    return STEP_JUNK;
  t->text[t->len++] = c;
  if (c != '\n')
    return STEP_TRAILERS;
  // A line that is empty, however it ends, ends the section; one that ends wrongly is found there.
  bool empty = t->len >= 3 && memcmp(t->text + t->len - 3, "\n\r\n", 3) == 0;
  bool wrong = t->len < 2 || t->text[t->len - 2] != '\r';
  if (!empty)
    return wrong ? STEP_JUNK : STEP_TRAILERS;
  return read_trailers(t) ? STEP_END : STEP_JUNK;
}

static enum step on_byte(struct http1_frame *f, char c) {
  switch ((enum step)f->step) {
  case STEP_SIZE: return on_size(f, c);
  case STEP_NAME_FIRST: return is_token(c) ? STEP_NAME : STEP_JUNK;
  case STEP_NAME: return is_token(c) ? STEP_NAME : c == '=' ? STEP_VALUE_FIRST : after_extension(c);
  case STEP_VALUE_FIRST: return c == '"' ? STEP_QUOTED : is_token(c) ? STEP_VALUE : STEP_JUNK;
  case STEP_VALUE: return is_token(c) ? STEP_VALUE : after_extension(c);
  case STEP_QUOTED:
    return c == '"'     ? STEP_QUOTED_END
           : c == '\\'  ? STEP_QUOTED_PAIR
           : is_text(c) ? STEP_QUOTED
                        : STEP_JUNK;
  case STEP_QUOTED_PAIR: return is_text(c) ? STEP_QUOTED : STEP_JUNK;
  case STEP_QUOTED_END: return after_extension(c);
  case STEP_SIZE_LF: return c != '\n' ? STEP_JUNK : f->left > 0 ? STEP_DATA : STEP_LAST;
  case STEP_DATA_CR: return c == '\r' ? STEP_DATA_LF : STEP_JUNK;
  case STEP_DATA_LF:
    f->digits = 0;
    f->left = 0;
    return c == '\n' ? STEP_SIZE : STEP_JUNK;
  case STEP_LAST: return on_last(f, c);
  case STEP_TRAILERS: return on_trailers(f->trailers, c);
  case STEP_LAST_LF: return c == '\n' ? STEP_END : STEP_JUNK;
  case STEP_DATA:
  case STEP_END:
  case STEP_JUNK: return STEP_JUNK;
  }
  return STEP_JUNK;
}

// A piece of `left` bytes, of what is there.
static struct str take(struct http1_frame *f, const char *data, size_t len) {
  struct str piece = {data, f->left < len ? (size_t)f->left : len};
  f->left -= piece.len;
  f->body_bytes += piece.len;
  return piece;
}

static enum http1_event next_chunks(struct http1_frame *f, const char *data, size_t len,
                                    size_t *ret_used, struct str *ret_piece) {
  size_t at = 0;
  enum http1_event event = HTTP1_MORE;
  while (event == HTTP1_MORE && at < len) {
    if (f->step == STEP_DATA) {
      *ret_piece = take(f, data + at, len - at);
      at += ret_piece->len;
      f->step = f->left > 0 ? STEP_DATA : STEP_DATA_CR;
      event = HTTP1_BODY;
      continue;
    }
    f->step = on_byte(f, data[at]);
    if (f->step == STEP_JUNK)
      return HTTP1_FAULT;
    at++;
    if (f->step == STEP_END)
      event = HTTP1_END;
  }
  *ret_used = at;
  f->wire_bytes += at;
  uint64_t framing = f->wire_bytes - f->body_bytes;
  return framing > FRAMING_FLOOR + FRAMING_FACTOR * f->body_bytes ? HTTP1_FAULT : event;
}

enum http1_event http1_frame_next(struct http1_frame *f, const char *data, size_t len,
                                  size_t *ret_used, struct str *ret_piece) {
  *ret_used = 0;
  *ret_piece = STR_NULL;
  if (f->kind == HTTP1_FRAME_CHUNKS)
    return next_chunks(f, data, len, ret_used, ret_piece);
  if (f->kind == HTTP1_FRAME_LENGTH && f->left == 0)
    return HTTP1_END;
  if (len == 0)
    return HTTP1_MORE;
  if (f->kind == HTTP1_FRAME_EOF)
    f->left = len;
  *ret_piece = take(f, data, len);
  *ret_used = ret_piece->len;
  f->wire_bytes += ret_piece->len;
  return HTTP1_BODY;
}

enum http1_event http1_frame_eof(const struct http1_frame *f) {
  bool whole = f->kind == HTTP1_FRAME_EOF || (f->kind == HTTP1_FRAME_LENGTH && f->left == 0);
  return whole ? HTTP1_END : HTTP1_FAULT;
}
