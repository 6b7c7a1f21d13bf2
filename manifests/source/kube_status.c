// SPDX-License-Identifier: Apache-2.0
#include "manifests/source/kube_status.h"

#define RETRY_AFTER_MAX_S 30 // a server that is away for longer is asked in between

int kube_status_code(int http_status, struct str reason) {
  if (str_eq_z(reason, "AlreadyExists"))
    return RC_EXISTS;
  switch (http_status) {
  case 405:
  case 406:
  case 415: return RC_UNSUPPORTED;
  case 410: return RC_EXPIRED;
  case 413: return RC_LIMIT;
  case 429: return RC_TOO_MANY;
  default: return rc_from_http(http_status);
  }
}

int kube_status_check(const struct http_reply *reply, const struct json *body, struct str what,
                      struct err *err) {
  if (reply->status >= 200 && reply->status < 300)
    return RC_OK;
  bool is_status = str_eq_z(json_get_string(body, "kind"), "Status");
  struct str message = is_status ? json_get_string(body, "message") : STR_NULL;
  int rc = kube_status_code(reply->status, is_status ? json_get_string(body, "reason") : STR_NULL);
  if (rc == RC_OK) // a redirect, which we do not follow
    rc = RC_UNSUPPORTED;
  if (message.len)
    return err_set(err, rc, "%.*s", STR_ARG(message));
  struct str text = str_trim(str_slice(reply->body, 0, 200));
  return err_set(err, rc, "%.*s: HTTP %d (%s)%s%.*s", STR_ARG(what), reply->status, rc_text(rc),
                 text.len ? ": " : "", STR_ARG(text));
}

int64_t kube_status_retry_after_ms(const struct http_reply *reply, const struct json *body) {
  int64_t seconds = 0;
  if (!str_to_i64(http_reply_header(reply, "Retry-After"), &seconds))
    seconds = json_int(json_path(body, "details.retryAfterSeconds"), 0);
  if (seconds < 0)
    seconds = 0;
  return 1000 * (seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : seconds);
}
