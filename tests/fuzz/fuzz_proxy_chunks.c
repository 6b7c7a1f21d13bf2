// SPDX-License-Identifier: Apache-2.0
// A chunked body in cuts that the input chooses: the same bytes come out as when it arrives whole.
#include "manifests/base/bug.h"
#include "proxy/http1.h"

#include <string.h>

static const char start[] = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
static char bytes[1 << 16], whole[1 << 16], parts[1 << 16];
static struct head head;

// Returns the length of the body, or -1 on a fault.
static long decode(char *out, size_t len, size_t step) {
  struct http1_decoder decoder;
  size_t at = 0, there = step < len ? step : len, body = 0;
  long result = -2;
  http1_decoder_init(&decoder, false, NULL);
  http1_decoder_start(&decoder, &head, false);
  while (result == -2) {
    size_t used;
    struct str piece;
    enum http1_event event = http1_decode(&decoder, bytes + at, there - at, &used, &piece);
    at += used;
    if (event == HTTP1_BODY) {
      memcpy(out + body, piece.ptr, piece.len);
      body += piece.len;
    } else if (event == HTTP1_FAULT) {
      result = -1;
    } else if (event == HTTP1_END || (event == HTTP1_MORE && there == len)) {
      result = (long)body;
    } else if (event == HTTP1_MORE) {
      there = there + step < len ? there + step : len;
    }
  }
  http1_decoder_dispose(&decoder);
  return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t head_len = sizeof(start) - 1;
  if (!head.fields) // kept over the runs
    head_init(&head);
  if (size < 1 || size + head_len > sizeof(bytes))
    return 0;
  memcpy(bytes, start, head_len);
  memcpy(bytes + head_len, data, size);
  long a = decode(whole, head_len + size, head_len + size);
  memcpy(bytes, start, head_len);
  long b = decode(parts, head_len + size, 1 + data[0] % 50);
  BUG_ON(a != b || (a > 0 && memcmp(whole, parts, (size_t)a) != 0));
  return 0;
}
