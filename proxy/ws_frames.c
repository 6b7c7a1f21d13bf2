// SPDX-License-Identifier: Apache-2.0
#include "proxy/ws_frames.h"

#define IS_MASKED 0x80u
#define LENGTH_16 126u
#define LENGTH_64 127u

const struct str ws_close_to_client = {"\x88\x02\x03\xe9", 4};
const struct str ws_close_to_server = {"\x88\x82\0\0\0\0\x03\xe9", 8};

// How long the head is, as far as its first two bytes say.
static size_t head_size(const struct ws_frames *frames) {
  if (frames->head_len < 2)
    return 2;
  unsigned length = frames->head[1] & ~IS_MASKED;
  size_t more = length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
  return 2 + more + (frames->head[1] & IS_MASKED ? 4 : 0);
}

static uint64_t payload_size(const struct ws_frames *frames) {
  uint64_t length = frames->head[1] & ~IS_MASKED;
  size_t more = length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0;
  if (more > 0)
    length = 0;
  for (size_t i = 0; i < more; i++)
    length = length << 8 | frames->head[2 + i];
  return length;
}

void ws_frames_feed(struct ws_frames *frames, struct str piece) {
  for (size_t at = 0; at < piece.len;) {
    if (frames->left > 0) {
      uint64_t rest = piece.len - at, step = rest < frames->left ? rest : frames->left;
      frames->left -= step;
      at += step;
      continue;
    }
    frames->head[frames->head_len++] = (unsigned char)piece.ptr[at++];
    if (frames->head_len < head_size(frames))
      continue;
    frames->left = payload_size(frames);
    frames->head_len = 0;
  }
}

bool ws_frames_at_boundary(const struct ws_frames *frames) {
  return frames->left == 0 && frames->head_len == 0;
}
