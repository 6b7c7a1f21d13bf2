// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/webhook.h"
#include "manifests/text/base64.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define KEY_MIN 16
#define WAIT_MIN_MS 1000
#define WAIT_MAX_MS 60000
#define RETRY_AFTER_MAX_MS (5 * 60000)

int webhook_key(struct str text, struct arena *arena, struct str *ret_key, struct err *err) {
  const struct str prefix = STR("whsec_");
  struct str key = str_trim(text); // files end in a newline
  if (str_starts(key, prefix) && !base64_decode(str_slice(key, prefix.len, key.len), arena, &key))
    return err_set(err, RC_INVALID, "its key is not base64 behind whsec_");
  if (key.len < KEY_MIN)
    return err_set(err, RC_INVALID, "its key has %zu bytes; expected at least %d", key.len,
                   KEY_MIN);
  *ret_key = key;
  return RC_OK;
}

struct str webhook_signature(struct str key, struct str id, int64_t seconds, struct str body,
                             struct arena *arena) {
  struct str text =
      arena_printf(arena, "%.*s.%lld.%.*s", STR_ARG(id), (long long)seconds, STR_ARG(body));
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  if (!HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len, digest,
            &length))
    return STR_NULL;
  struct str encoded = base64_encode(arena, (struct str){(const char *)digest, length});
  return arena_printf(arena, "v1,%.*s", STR_ARG(encoded));
}

enum webhook_answer webhook_judge(int status, const char **ret_text) {
  *ret_text = "";
  if (status >= 200 && status < 300)
    return WEBHOOK_TAKEN;
  if (status >= 500 || status == 408 || status == 425 || status == 429) {
    *ret_text = "the receiver asks to be tried again";
    return WEBHOOK_AGAIN;
  }
  *ret_text = status < 400 ? "redirects are not followed" : "the receiver refuses it";
  return WEBHOOK_REFUSED;
}

int64_t webhook_wait_ms(int tries, double chance, int64_t retry_after_ms) {
  int64_t wait_ms = WAIT_MIN_MS;
  for (int i = 1; i < tries && wait_ms < WAIT_MAX_MS; i++)
    wait_ms *= 2;
  wait_ms = wait_ms < WAIT_MAX_MS ? wait_ms : WAIT_MAX_MS;
  wait_ms = wait_ms / 2 + (int64_t)((double)wait_ms / 2 * chance);
  if (retry_after_ms > RETRY_AFTER_MAX_MS)
    retry_after_ms = RETRY_AFTER_MAX_MS;
  return wait_ms > retry_after_ms ? wait_ms : retry_after_ms;
}

int64_t webhook_retry_after_ms(struct str header) {
  uint64_t seconds;
  if (!str_to_u64(str_trim(header), &seconds))
    return 0;
  return seconds > RETRY_AFTER_MAX_MS / 1000 ? RETRY_AFTER_MAX_MS : (int64_t)seconds * 1000;
}
