// SPDX-License-Identifier: Apache-2.0
// The part of a request's body that must be kept for another try and does not fit behind its head:
// a chain of the worker's blocks, up to BODY_COPY_MAX bytes in all. Empty, it costs nothing.
#pragma once

#include "manifests/base/str.h"

struct worker;

#define BODY_COPY_MAX (1024u * 1024) // of one body, as Envoy's per_connection_buffer_limit_bytes

struct body_copy {
  struct body_block *first, *last;
  size_t len; // bytes kept
};

void body_copy_add(struct worker *worker, struct body_copy *copy, struct str piece);
// Gives the blocks back; what they hold stays readable until the worker reads from a socket again.
void body_copy_clear(struct worker *worker, struct body_copy *copy);
// The pieces in order: start with *at = NULL; false behind the last one.
bool body_copy_next(const struct body_copy *copy, const struct body_block **at,
                    struct str *ret_piece);
