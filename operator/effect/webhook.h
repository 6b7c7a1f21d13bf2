// SPDX-License-Identifier: Apache-2.0
// One webhook call: what is signed, what an answer means, when it is tried again. Pure. The form of
// the signature is that of Standard Webhooks (standardwebhooks.com), for which receivers have
// libraries; the HMAC is OpenSSL's.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/source/http_client.h"

#define WEBHOOK_HEADERS_MAX 6

// What a Secret's `key` stands for: the bytes themselves, or base64 behind "whsec_". RC_INVALID:
// too short to be a key (under 16 bytes), or no base64.
int webhook_key(struct str text, struct arena *arena, struct str *ret_key, struct err *err);
// "v1,<base64 of HMAC-SHA256(key, id.seconds.body)>"
struct str webhook_signature(struct str key, struct str id, int64_t seconds, struct str body,
                             struct arena *arena);

enum webhook_answer { WEBHOOK_TAKEN, WEBHOOK_AGAIN, WEBHOOK_REFUSED };
// 2xx was taken; what time may heal (5xx, 408, 425, 429) is asked again; all else never will be
// taken. *ret_text says it without showing the answer's body.
enum webhook_answer webhook_judge(int status, const char **ret_text);
// Until the next try: doubling from 1 s to 60 s, half of it by chance (0 <= chance < 1), and never
// sooner than the receiver asked for (at most 5 min).
int64_t webhook_wait_ms(int tries, double chance, int64_t retry_after_ms);
// Seconds of a Retry-After header, in ms; 0 when it is absent or a date.
int64_t webhook_retry_after_ms(struct str header);
