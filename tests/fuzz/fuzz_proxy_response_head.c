// SPDX-License-Identifier: Apache-2.0
// Response bytes, whole messages one after the other, to GET and to HEAD; every head accepted is
// one to llhttp, too.
#include "manifests/base/bug.h"
#include "proxy/http1.h"
#include "support_proxy_oracle.h"

#include <string.h>

static char bytes[HEAD_BYTES_MAX + 65536];
static struct head head;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct http1_decoder decoder;
  if (!head.fields) // kept over the runs
    head_init(&head);
  if (size < 1 || size > sizeof(bytes))
    return 0;
  memcpy(bytes, data, size);
  http1_decoder_init(&decoder, true, NULL);
  http1_decoder_start(&decoder, &head, data[0] & 1);
  size_t at = 0;
  for (;;) {
    size_t used;
    struct str piece;
    enum http1_event event = http1_decode(&decoder, bytes + at, size - at, &used, &piece);
    at += used;
    BUG_ON(at > size);
    if (event == HTTP1_HEAD) {
      BUG_ON(head.status < 100 || head.status > 599);
      oracle_check_head(true, (const char *)data + (decoder.start - bytes), decoder.head_len,
                        &head);
    }
    if (event == HTTP1_BODY)
      BUG_ON(piece.len == 0 || piece.ptr < bytes || piece.ptr + piece.len > bytes + size);
    if (event == HTTP1_END)
      http1_decoder_start(&decoder, &head, data[0] & 1);
    if (event == HTTP1_FAULT || (event == HTTP1_END && at == size))
      break;
    if (event == HTTP1_MORE) {
      (void)http1_decode_eof(&decoder);
      break;
    }
  }
  http1_decoder_dispose(&decoder);
  return 0;
}
