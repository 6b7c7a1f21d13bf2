// SPDX-License-Identifier: Apache-2.0
#include "proxy/grpc_frames.h"

#define HEAD_BYTES 5u
#define IS_TRAILER 0x80u

unsigned grpc_frames_count(struct grpc_frames *frames, struct str piece) {
  unsigned count = 0;
  for (size_t at = 0; at < piece.len;) {
    if (frames->left > 0) {
      size_t rest = piece.len - at;
      size_t step = rest < frames->left ? rest : frames->left;
      frames->left -= (uint32_t)step;
      at += step;
      continue;
    }
    unsigned char byte = (unsigned char)piece.ptr[at++];
    if (frames->head++ == 0)
      frames->flags = byte;
    else
      frames->length = frames->length << 8 | byte;
    if (frames->head < HEAD_BYTES)
      continue;
    count += !(frames->flags & IS_TRAILER);
    frames->left = frames->length;
    frames->head = 0;
    frames->length = 0;
  }
  return count;
}
