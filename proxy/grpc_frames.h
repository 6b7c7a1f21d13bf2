// SPDX-License-Identifier: Apache-2.0
// Counts the messages of a gRPC body: each is preceded by a byte of flags and its length in four.
// The trailer frame of gRPC-Web (flag 0x80) is none. Pure.
#pragma once

#include "manifests/base/str.h"

struct grpc_frames {
  uint32_t left; // of the message the body stands in
  uint8_t head;  // bytes of the next one's head that were seen
  uint8_t flags;
  uint32_t length;
};

// The next piece of the body; returns how many messages begin in it.
unsigned grpc_frames_count(struct grpc_frames *frames, struct str piece);
