// SPDX-License-Identifier: Apache-2.0
#include "proxy/exchange_words.h"

#include <string.h>

#define BEFORE "upstream connect error or disconnect/reset before headers. "

static const struct exchange_reason_row reasons[EXCHANGE_REASON_COUNT] = {
#define XX(name, text, word, status, flag)                                                         \
  [EXCHANGE_REASON_##name] = {STR(text),                                                           \
                              STR(BEFORE "reset reason: " text),                                   \
                              STR(BEFORE "retried and the latest reset reason: " text),            \
                              STR("upstream_reset_before_response_started{" word "}"),             \
                              (status),                                                            \
                              EXCHANGE_##flag},
    EXCHANGE_REASON_MAP(XX)
#undef XX
};

const struct exchange_reason_row *exchange_reason_row(enum exchange_reason reason) {
  return &reasons[reason];
}

struct str exchange_reason_text(enum exchange_reason reason) {
  return reasons[reason].text;
}

static const struct str flag_names[EXCHANGE_BIT_COUNT] = {
#define XX(name) [EXCHANGE_BIT_##name] = STR(#name),
    EXCHANGE_FLAG_MAP(XX)
#undef XX
};

uint32_t exchange_flag_find(struct str name) {
  for (unsigned bit = 0; bit < EXCHANGE_BIT_COUNT; bit++) {
    if (str_eq(flag_names[bit], name))
      return 1u << bit;
  }
  return 0;
}

struct str exchange_flags_text(uint32_t flags, char out[64]) {
  size_t len = 0;
  for (unsigned bit = 0; bit < EXCHANGE_BIT_COUNT; bit++) {
    if (!(flags & (1u << bit)) || len + flag_names[bit].len + 1 > 64)
      continue;
    if (len > 0)
      out[len++] = ',';
    memcpy(out + len, flag_names[bit].ptr, flag_names[bit].len);
    len += flag_names[bit].len;
  }
  return len > 0 ? (struct str){out, len} : STR("-");
}
