// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/auth_token.h"
#include "manifests/base/bug.h"
#include "manifests/text/json.h"
#include "manifests/text/time.h"

#include <string.h>

#define FORMAT_VERSION 1

static bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '@';
}

int auth_name_check(struct str name, struct err *err) {
  bool ok = name.len > 0 && name.len <= AUTH_NAME_MAX;
  for (size_t i = 0; ok && i < name.len; i++)
    ok = name_char(name.ptr[i]);
  return ok ? RC_OK
            : err_set(err, RC_INVALID,
                      "a token's name is 1 to %u letters, digits or \"-_.@\", not \"%.*s\"",
                      AUTH_NAME_MAX, STR_ARG(str_slice(name, 0, 100)));
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hash(struct str text, struct digest *ret_hash) {
  if (text.len != 2 * sizeof ret_hash->bytes)
    return false;
  for (size_t i = 0; i < sizeof ret_hash->bytes; i++) {
    int high = hex_digit(text.ptr[2 * i]), low = hex_digit(text.ptr[2 * i + 1]);
    if (high < 0 || low < 0)
      return false;
    ret_hash->bytes[i] = (unsigned char)(high * 16 + low);
  }
  return true;
}

static struct str hash_text(struct arena *arena, const struct digest *hash, size_t bytes) {
  static const char digits[] = "0123456789abcdef";
  char text[2 * sizeof hash->bytes];
  for (size_t i = 0; i < bytes; i++) {
    text[2 * i] = digits[hash->bytes[i] >> 4];
    text[2 * i + 1] = digits[hash->bytes[i] & 15];
  }
  return arena_str(arena, (struct str){text, 2 * bytes});
}

struct str auth_token_id(struct arena *arena, const struct auth_token *token) {
  return hash_text(arena, &token->hash, 4);
}

static int bad(struct err *err, size_t index, const char *what) {
  return err_set(err, RC_INVALID, "token %zu: %s", index + 1, what);
}

static int check_members(const struct json *item, size_t index, struct err *err) {
  static const char *const known[] = {"name", "role", "namespace", "sha256", "created", "expires"};
  if (!json_is(item, JSON_OBJECT))
    return bad(err, index, "expected an object");
  JSON_EACH(member, item) {
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(known) && !found; i++)
      found = str_eq_z(member->key, known[i]);
    if (!found || !json_is(member, JSON_STRING))
      return err_set(err, RC_INVALID, "token %zu: \"%.*s\" is no member, or no string", index + 1,
                     STR_ARG(str_slice(member->key, 0, 100)));
  }
  return RC_OK;
}

static int parse_token(const struct json *item, size_t index, struct arena *arena,
                       struct auth_token *ret_token, struct err *err) {
  int rc = check_members(item, index, err);
  if (rc)
    return rc;
  struct str expires = json_get_string(item, "expires");
  *ret_token = (struct auth_token){.name = arena_str(arena, json_get_string(item, "name")),
                                   .role = auth_role_find(json_get_string(item, "role")),
                                   .ns = arena_str(arena, json_get_string(item, "namespace"))};
  rc = auth_name_check(ret_token->name, err);
  if (rc)
    return err_wrap(err, rc, "token %zu", index + 1);
  if (!ret_token->role)
    return err_set(err, RC_INVALID, "token %zu: expected a role of %s, found \"%.*s\"", index + 1,
                   auth_role_names(), STR_ARG(str_slice(json_get_string(item, "role"), 0, 100)));
  if (!read_hash(json_get_string(item, "sha256"), &ret_token->hash))
    return bad(err, index, "sha256: expected 64 hexadecimal digits");
  if (!time_parse(json_get_string(item, "created"), &ret_token->created_ms))
    return bad(err, index, "created: expected a time as 2026-01-02T15:04:05Z");
  if (expires.len && (!time_parse(expires, &ret_token->expires_ms) || ret_token->expires_ms <= 0))
    return bad(err, index, "expires: expected a time as 2026-01-02T15:04:05Z");
  return RC_OK;
}

int auth_tokens_parse(struct str text, struct arena *arena, struct auth_tokens *ret_tokens,
                      struct err *err) {
  struct json *json = NULL;
  *ret_tokens = (struct auth_tokens){0};
  if (str_trim(text).len == 0)
    return RC_OK;
  int rc = json_parse(text, arena, &json, err);
  const struct json *list = rc ? NULL : json_get(json, "tokens");
  if (!rc && (json_int(json_get(json, "version"), 0) != FORMAT_VERSION ||
              !json_is(list, JSON_ARRAY) || json->count != 2))
    rc = err_set(err, RC_INVALID, "expected {\"version\":%d,\"tokens\":[...]}", FORMAT_VERSION);
  if (!rc && list->count > AUTH_TOKENS_MAX)
    rc = err_set(err, RC_LIMIT, "more than %u tokens", AUTH_TOKENS_MAX);
  size_t index = 0;
  JSON_EACH(item, rc ? NULL : list) {
    struct auth_token token;
    rc = parse_token(item, index++, arena, &token, err);
    if (rc)
      break;
    auth_tokens_add(ret_tokens, arena, &token);
  }
  return rc;
}

void auth_tokens_add(struct auth_tokens *tokens, struct arena *arena,
                     const struct auth_token *token) {
  struct auth_token *slot =
      arena_push(arena, (void **)&tokens->items, &tokens->count, &tokens->capacity, sizeof *slot);
  *slot = *token;
}

struct str auth_tokens_text(struct arena *arena, const struct auth_tokens *tokens) {
  struct json *json = json_new_object(arena);
  json_put_int(arena, json, "version", FORMAT_VERSION);
  struct json *list = json_need_array(arena, json, "tokens");
  for (size_t i = 0; i < tokens->count; i++) {
    const struct auth_token *token = &tokens->items[i];
    struct json *item = json_new_object(arena);
    json_put_string(arena, item, "name", token->name);
    json_put_z(arena, item, "role", token->role->name);
    if (token->ns.len)
      json_put_string(arena, item, "namespace", token->ns);
    json_put_string(arena, item, "sha256",
                    hash_text(arena, &token->hash, sizeof token->hash.bytes));
    json_put_string(arena, item, "created", time_format(arena, token->created_ms));
    if (token->expires_ms)
      json_put_string(arena, item, "expires", time_format(arena, token->expires_ms));
    json_append(list, item);
  }
  struct buf out;
  buf_init(&out, AUTH_TOKENS_BYTES);
  (void)json_write_pretty(&out, json);
  buf_add_char(&out, '\n');
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

static bool is_expired(const struct auth_token *token, int64_t now_ms) {
  return token->expires_ms && token->expires_ms <= now_ms;
}

void auth_tokens_prune(struct auth_tokens *tokens, int64_t now_ms) {
  size_t kept = 0;
  for (size_t i = 0; i < tokens->count; i++)
    if (!is_expired(&tokens->items[i], now_ms))
      tokens->items[kept++] = tokens->items[i];
  tokens->count = kept;
}

const struct auth_token *auth_tokens_find(const struct auth_tokens *tokens,
                                          const struct digest *hash, int64_t now_ms) {
  const struct auth_token *found = NULL;
  for (size_t i = 0; i < tokens->count; i++) {
    unsigned char differs = 0;
    for (size_t b = 0; b < sizeof hash->bytes; b++)
      differs |= (unsigned char)(tokens->items[i].hash.bytes[b] ^ hash->bytes[b]);
    if (!differs && !is_expired(&tokens->items[i], now_ms))
      found = &tokens->items[i];
  }
  return found;
}
