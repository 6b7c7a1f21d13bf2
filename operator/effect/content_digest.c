// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/content_digest.h"
#include "manifests/base/bug.h"
#include "manifests/kinds/rollout.h"
#include "manifests/source/kube_client.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define SHOWN 12    // bytes of a digest: enough to tell all contents apart
#define KEY_SHOWN 3 // of what names a key
#define DIGEST_FIELD "serinDigest"
#define LEFT_OUT_FIELD "serinLeftOut"

static struct str hex(const unsigned char *bytes, size_t count, struct arena *arena) {
  static const char digits[] = "0123456789abcdef";
  char text[2 * EVP_MAX_MD_SIZE + 1];
  for (size_t i = 0; i < count; i++) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  return arena_str(arena, (struct str){text, 2 * count});
}

static struct str keyed(struct str key, struct str text, size_t shown, struct arena *arena) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  BUG_ON(!HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)text.ptr, text.len,
               bytes, &length));
  return hex(bytes, shown, arena);
}

// Absent and empty are the same to whoever reads it.
static void write_field(struct buf *out, const struct json *object, const char *field) {
  const struct json *value = json_get(object, field);
  (void)buf_addf(out, "%s=", field);
  if (value && value->count > 0)
    (void)json_write_canonical(out, value);
  (void)buf_add_char(out, '\n');
}

struct str content_digest_config_map(const struct json *object, struct arena *arena) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  struct buf text;
  buf_init(&text, SIZE_MAX / 2);
  write_field(&text, object, "data");
  write_field(&text, object, "binaryData");
  BUG_ON(EVP_Digest(text.ptr, text.len, bytes, NULL, EVP_sha256(), NULL) != 1);
  buf_dispose(&text);
  return arena_printf(arena, "sha256:%s", hex(bytes, SHOWN, arena).ptr);
}

struct str content_digest_secret(const struct json *object, struct str key, struct arena *arena) {
  struct buf text;
  buf_init(&text, SIZE_MAX / 2);
  (void)buf_addf(&text, "%.*s/%.*s\n%.*s\n", STR_ARG(kube_namespace(object)),
                 STR_ARG(kube_name(object)), STR_ARG(json_get_string(object, "type")));
  write_field(&text, object, "data");
  struct str which = keyed(key, STR("which key"), KEY_SHOWN, arena);
  struct str digest = keyed(key, buf_str(&text), SHOWN, arena);
  buf_dispose(&text);
  return arena_printf(arena, "hmac:%s:%s", which.ptr, digest.ptr);
}

bool content_is_left_out(const struct json *object) {
  return str_eq_z(
      json_get_string(json_path(object, "metadata.annotations"), ROLLOUT_CONFIG_TRACKING),
      "disabled");
}

void content_trim(struct json *config_map, struct arena *arena) {
  static const char *const unused[] = {"data", "binaryData", "immutable"};
  struct json *metadata = json_get(config_map, "metadata");
  struct str digest = content_digest_config_map(config_map, arena);
  bool left_out = content_is_left_out(config_map);
  for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++)
    (void)json_remove(config_map, str_of(unused[i]));
  if (metadata) {
    (void)json_remove(metadata, STR("annotations"));
    (void)json_remove(metadata, STR("labels"));
    (void)json_remove(metadata, STR("ownerReferences"));
  }
  json_put_string(arena, config_map, DIGEST_FIELD, digest);
  if (left_out)
    json_put_bool(arena, config_map, LEFT_OUT_FIELD, true);
}

struct str content_digest_of_trimmed(const struct json *config_map) {
  return json_get_string(config_map, DIGEST_FIELD);
}

bool content_trimmed_is_left_out(const struct json *config_map) {
  return json_is_true(json_get(config_map, LEFT_OUT_FIELD));
}

int content_key(struct str text, struct str *ret_key, struct err *err) {
  struct str key = str_trim(text); // files end in a newline
  if (key.len < CONTENT_KEY_MIN)
    return err_set(err, RC_INVALID, "it has %zu bytes; expected at least %d", key.len,
                   CONTENT_KEY_MIN);
  *ret_key = key;
  return RC_OK;
}
