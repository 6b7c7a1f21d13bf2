// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/rest_body.h"
#include "manifests/base/bug.h"
#include "manifests/text/yaml.h"
#include "operator/standalone/rest_protobuf.h"

static const struct {
  const char *name;
  enum rest_media media;
} media_types[] = {
    {"", REST_MEDIA_JSON},
    {"application/json", REST_MEDIA_JSON},
    {"application/yaml", REST_MEDIA_YAML},
    {"application/vnd.kubernetes.protobuf", REST_MEDIA_PROTOBUF},
    {"application/json-patch+json", REST_MEDIA_JSON_PATCH},
    {"application/merge-patch+json", REST_MEDIA_MERGE_PATCH},
    {"application/strategic-merge-patch+json", REST_MEDIA_STRATEGIC_PATCH},
    {"application/apply-patch+yaml", REST_MEDIA_APPLY},
};

enum rest_media rest_media_of(struct str content_type) {
  ptrdiff_t semicolon = str_find_char(content_type, ';');
  struct str name =
      str_trim(str_slice(content_type, 0, semicolon < 0 ? content_type.len : (size_t)semicolon));
  for (size_t i = 0; i < ARRAY_LEN(media_types); i++)
    if (str_eq_nocase(name, str_of(media_types[i].name)))
      return media_types[i].media;
  return REST_MEDIA_OTHER;
}

static int parse_yaml(struct api_call *call, struct str body, struct json **ret_body) {
  struct findings findings;
  struct yaml_doc *docs;
  findings_init(&findings, call->arena);
  size_t count = yaml_parse(body, STR(""), call->arena, &docs, &findings);
  if (findings.errors)
    return api_bad_request(call, "line %d: %.*s", findings.items[0].line,
                           STR_ARG(findings.items[0].message));
  if (count != 1)
    return api_bad_request(call, "the body must be one YAML document, not %zu", count);
  *ret_body = docs[0].root;
  return RC_OK;
}

// Maps and lists are looked through in order here; one with very many entries would hold up
// everybody else.
static bool is_within_caps(const struct json *json) {
  if (json->type != JSON_OBJECT && json->type != JSON_ARRAY)
    return true;
  if (json->count > REST_BODY_ENTRIES_MAX)
    return false;
  JSON_EACH(item, json)
    if (!is_within_caps(item))
      return false;
  return true;
}

static int parse_text(struct api_call *call, enum rest_media media, struct str body,
                      struct json **ret_body) {
  struct err err;
  if (media == REST_MEDIA_PROTOBUF)
    return rest_protobuf_decode(body, call->arena, ret_body, &err) ? api_fail_err(call, &err)
                                                                   : RC_OK;
  bool json_text = str_trim(body).ptr[0] == '{';
  if ((media == REST_MEDIA_YAML || media == REST_MEDIA_APPLY) && !json_text)
    return parse_yaml(call, body, ret_body);
  if (str_starts(body, STR("\xef\xbb\xbf"))) // a mark of byte order is nothing of JSON
    return api_bad_request(call, "invalid character '\xc3\xaf' looking for beginning of value");
  if (json_parse(body, call->arena, ret_body, &err))
    return api_bad_request(call, "the body cannot be read as JSON: %s", err.msg);
  return RC_OK;
}

int rest_body_parse(struct api_call *call, struct str content_type, struct str body,
                    struct json **ret_body, struct str *ret_duplicate) {
  enum rest_media media = rest_media_of(content_type);
  *ret_body = NULL;
  *ret_duplicate = STR("");
  if (str_trim(body).len == 0)
    return RC_OK;
  if (media == REST_MEDIA_OTHER)
    return api_media_type(
        call, "application/json, application/yaml, application/vnd.kubernetes.protobuf");
  int rc = parse_text(call, media, body, ret_body);
  if (rc)
    return rc;
  if (!is_within_caps(*ret_body))
    return api_fail(call, 413, "RequestEntityTooLarge",
                    "a map or list in the body has more than %u entries", REST_BODY_ENTRIES_MAX);
  (void)json_duplicate_key(*ret_body, call->arena, ret_duplicate);
  return RC_OK;
}
