// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/log.h"
#include "manifests/base/buf.h"
#include "manifests/base/clock.h"

#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *log_part = "serin";
static _Atomic int log_threshold = LOG_INFO;

void log_set_part(const char *part) {
  log_part = part;
}

void log_set_level(enum log_level level) {
  log_threshold = (int)level;
}

bool log_parse_level(struct str name, enum log_level *ret_level) {
  for (int i = 0; i <= LOG_ERROR; i++)
    if (str_eq_z(name, level_names[i])) {
      *ret_level = (enum log_level)i;
      return true;
    }
  return false;
}

static void add_value(struct buf *line, struct str value) {
  bool plain = value.len > 0;
  for (size_t i = 0; i < value.len && plain; i++)
    plain = value.ptr[i] > ' ' && value.ptr[i] != '"' && value.ptr[i] != '=' &&
            value.ptr[i] != '\\' && value.ptr[i] != 0x7f && (unsigned char)value.ptr[i] != 0xc2;
  if (plain) {
    buf_add_str(line, value);
    return;
  }
  buf_add_char(line, '"');
  for (size_t i = 0; i < value.len; i++) {
    unsigned char c = (unsigned char)value.ptr[i];
    if (c == '"' || c == '\\')
      buf_addf(line, "\\%c", c);
    else if (c == '\n')
      buf_add_z(line, "\\n");
    else if (c < 0x20 || c == 0x7f)
      buf_addf(line, "\\x%02x", c);
    else if (c == 0xc2 && i + 1 < value.len &&
             (unsigned char)value.ptr[i + 1] < 0xa0) // C1 controls
      buf_addf(line, "\\x%02x", (unsigned char)value.ptr[++i]);
    else
      buf_add_char(line, (char)c);
  }
  buf_add_char(line, '"');
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields,
               size_t count) {
  if ((int)level < log_threshold)
    return;
  int64_t now_ms = clock_wall_ms();
  time_t seconds = (time_t)(now_ms / 1000);
  struct tm utc;
  gmtime_r(&seconds, &utc);
  char when[32];
  strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &utc);
  struct buf line;
  buf_init(&line, 16384);
  buf_addf(&line, "time=%s.%03dZ level=%s part=%s msg=", when, (int)(now_ms % 1000),
           level_names[level], log_part);
  add_value(&line, str_of(msg));
  for (size_t i = 0; i < count; i++) {
    buf_addf(&line, " %s=", fields[i].key);
    switch (fields[i].type) {
    case LOG_FIELD_STR: add_value(&line, fields[i].s); break;
    case LOG_FIELD_INT: buf_addf(&line, "%lld", (long long)fields[i].i); break;
    case LOG_FIELD_DOUBLE: buf_addf(&line, "%.6g", fields[i].d); break;
    }
  }
  if (line.failed)
    line.failed = false; // too long: what fitted is still worth a line
  if (line.len == line.max)
    line.len--;
  buf_add_char(&line, '\n');
  // One write a line keeps lines of several processes apart; a full pipe must not stop us.
  ssize_t written = write(STDERR_FILENO, line.ptr, line.len);
  (void)written;
  buf_dispose(&line);
}
