// SPDX-License-Identifier: Apache-2.0
// The heads and bodies an exchange writes: the part of exchange_run.c that knows how a message of
// one side becomes one of the other. Each function performs one action of exchange.h.
#pragma once

#include "manifests/base/str.h"

#include <stdint.h>

struct exchange_run;

// The pieces of the request's body that are kept, in order: start with a zeroed *at; false behind
// the last one.
struct exchange_kept {
  const struct body_block *block;
  bool begun;
};
bool exchange_send_next_kept(const struct exchange_run *run, struct exchange_kept *at,
                             struct str *ret_piece);
void exchange_send_request(struct exchange_run *run);
void exchange_send_request_end(struct exchange_run *run);
void exchange_send_interim(struct exchange_run *run);
void exchange_send_response(struct exchange_run *run);
void exchange_send_response_end(struct exchange_run *run);
void exchange_send_reply(struct exchange_run *run);
// What every request gets, whoever answers it: an id, and a scheme. Once.
void exchange_send_identify(struct exchange_run *run);
// A random UUID, version 4, into out[0..36).
struct str exchange_send_uuid(struct exchange_run *run, char *out);
