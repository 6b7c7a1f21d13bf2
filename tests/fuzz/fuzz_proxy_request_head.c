// SPDX-License-Identifier: Apache-2.0
// Request bytes in two cuts: the same events as in one, views within the buffer, what was accepted
// is a head to llhttp, too, and can be written and read again.
#include "manifests/base/bug.h"
#include "proxy/http1.h"
#include "proxy/http1_write.h"
#include "support_proxy_oracle.h"

#include <string.h>

static char bytes[HEAD_BYTES_MAX + 4096], again[HTTP1_HEAD_ROOM];
static struct head head, second;

static enum http1_event read_head(struct http1_decoder *decoder, char *at, size_t len, size_t cut,
                                  struct head *into) {
  size_t used = 0, done = 0;
  struct str piece;
  http1_decoder_start(decoder, into, false);
  enum http1_event event = http1_decode(decoder, at, cut, &used, &piece);
  if (event == HTTP1_MORE && len > cut) {
    done = used;
    event = http1_decode(decoder, at + done, len - done, &used, &piece);
  }
  return event;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct http1_decoder decoder;
  if (!head.fields) { // kept over the runs
    head_init(&head);
    head_init(&second);
  }
  if (size < 2 || size > sizeof(bytes))
    return 0;
  http1_decoder_init(&decoder, false, NULL);
  memcpy(bytes, data, size);
  enum http1_event whole = read_head(&decoder, bytes, size, size, &head);
  if (whole == HTTP1_HEAD)
    oracle_check_head(false, (const char *)data + (decoder.start - bytes), decoder.head_len, &head);
  memcpy(bytes, data, size);
  enum http1_event parts = read_head(&decoder, bytes, size, data[0] % size, &head);
  BUG_ON((whole == HTTP1_HEAD) != (parts == HTTP1_HEAD));
  if (parts == HTTP1_HEAD && !head.is_connect) {
    for (unsigned i = 0; i < head.count; i++)
      BUG_ON(head.fields[i].name.len == 0 ||
             memchr(head.fields[i].value.ptr, '\n', head.fields[i].value.len));
    struct http1_write_options options = {.framing =
                                              head.length < 0 ? HTTP1_CHUNKED : HTTP1_LENGTH};
    size_t len = http1_write_request(again, sizeof(again), &head, &options);
    BUG_ON(len == 0);
    if (len <= HEAD_BYTES_MAX && head.count < HEAD_FIELDS_MAX - 2) {
      BUG_ON(read_head(&decoder, again, len, len, &second) != HTTP1_HEAD);
      BUG_ON(!str_eq(head.path, second.path) || head.length != second.length);
    }
  }
  http1_decoder_dispose(&decoder);
  return 0;
}
