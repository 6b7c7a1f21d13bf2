// SPDX-License-Identifier: Apache-2.0
// The language of header values in VirtualServices: Envoy's "%COMMAND(argument):length%", "%%" for
// a percent sign (docs/dataplane.md 1.7). Reads values; lint asks whether they are right, the proxy
// compiles them. Pure.
#pragma once

#include "manifests/base/err.h"
#include "manifests/base/str.h"

#include <stdbool.h>
#include <stddef.h>

// XX(enumerator, name): commands without arguments whose value the caller knows.
#define HEADER_TEXT_MAP(XX)                                                                        \
  XX(REMOTE_ADDRESS, "DOWNSTREAM_REMOTE_ADDRESS")                                                  \
  XX(REMOTE_IP, "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT")                                          \
  XX(DIRECT_REMOTE_ADDRESS, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS")                                    \
  XX(DIRECT_REMOTE_IP, "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT")                            \
  XX(LOCAL_ADDRESS, "DOWNSTREAM_LOCAL_ADDRESS")                                                    \
  XX(LOCAL_IP, "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT")                                            \
  XX(LOCAL_PORT, "DOWNSTREAM_LOCAL_PORT")                                                          \
  XX(PROTOCOL, "PROTOCOL")                                                                         \
  XX(HOSTNAME, "HOSTNAME")                                                                         \
  XX(UPSTREAM_HOST, "UPSTREAM_HOST")                                                               \
  XX(UPSTREAM_CLUSTER, "UPSTREAM_CLUSTER")                                                         \
  XX(RESPONSE_CODE, "RESPONSE_CODE")                                                               \
  XX(RESPONSE_FLAGS, "RESPONSE_FLAGS")                                                             \
  XX(RESPONSE_DETAILS, "RESPONSE_CODE_DETAILS")                                                    \
  XX(ROUTE_NAME, "ROUTE_NAME")                                                                     \
  XX(UNIQUE_ID, "UNIQUE_ID")                                                                       \
  XX(STREAM_ID, "STREAM_ID")                                                                       \
  XX(DURATION, "DURATION")

enum header_command {
#define XX(name, text) HEADER_TEXT_##name,
  HEADER_TEXT_MAP(XX)
#undef XX
      HEADER_TEXT_COUNT,
  HEADER_LITERAL,
  HEADER_REQ,
  HEADER_RESP,
  HEADER_START_TIME,
};

// A piece of a value: plain text, or a command.
struct header_token {
  enum header_command command;
  struct str text; // HEADER_LITERAL: as written, "%%" still doubled; HEADER_START_TIME: the form
  struct str name; // HEADER_REQ, HEADER_RESP: as written
  struct str alt;  // "" for none: X?Y
  size_t max_len;  // 0: no limit
};

// The piece at *at, which is moved behind it. 0, or RC_INVALID with what is wrong. Not to be called
// at the end of the value.
int header_command_next(struct str value, size_t *at, struct header_token *ret_token,
                        struct err *err);
// Whether the whole value is right. Also refuses bytes that would end the header.
int header_command_check(struct str value, struct err *err);
struct str header_command_name(enum header_command command); // of those of HEADER_TEXT_MAP

// A header that the proxy makes itself, from the message and the connection: setting it does
// nothing.
bool header_is_of_connection(struct str name);
