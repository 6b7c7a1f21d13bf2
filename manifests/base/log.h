// SPDX-License-Identifier: Apache-2.0
// Log lines as key=value on standard error, for program code only (library rooms return errors):
//   time=2026-01-29T12:00:00.123Z level=info part=operator msg="weight set" rollout=team1/agent
//   weight=10
// Use: LOG(LOG_INFO, "weight set", LOG_Z("rollout", name), LOG_I("weight", 10));
#pragma once

#include "manifests/base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_field {
  const char *key;
  enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_DOUBLE } type;
  struct str s;
  int64_t i;
  double d;
};

#define LOG_S(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .s = (v)})
#define LOG_Z(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .s = str_of(v)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_INT, .i = (v)})
#define LOG_D(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_DOUBLE, .d = (v)})

// Which part of Serin writes ("operator", "proxy"); kept by reference.
void log_set_part(const char *part);
void log_set_level(enum log_level level);
bool log_parse_level(struct str name, enum log_level *ret_level);
void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t count);

#define LOG(level, msg, ...)                                                                       \
  log_write((level), (msg), (const struct log_field[]){{0}, ##__VA_ARGS__} + 1,                    \
            sizeof((const struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field) - 1)
