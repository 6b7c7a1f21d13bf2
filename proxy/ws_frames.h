// SPDX-License-Identifier: Apache-2.0
// Where one WebSocket frame ends and the next begins (RFC 6455, 5.2), so that a farewell can be put
// between two of them. Pure.
#pragma once

#include "manifests/base/str.h"

struct ws_frames {
  uint64_t left; // of the frame the bytes stand in
  unsigned char head[14];
  uint8_t head_len; // bytes of the next one's head that were seen
};

// The next bytes of one direction.
void ws_frames_feed(struct ws_frames *frames, struct str piece);
// Whether a frame may begin here.
bool ws_frames_at_boundary(const struct ws_frames *frames);

// Close frames with status 1001, "going away": as a server sends it, and as a client does (masked,
// with a mask of zeros).
extern const struct str ws_close_to_client, ws_close_to_server;
