// SPDX-License-Identifier: Apache-2.0
#include "proxy/head_rules.h"

void head_rules_request(struct head *head, const struct head_rules_request *rules) {
  head_remove_flagged(head, HEAD_IS_CONTROL);
  const struct head_field *id = head_find(head, HEAD_X_REQUEST_ID);
  if (rules->is_gateway || !id || id->value.len == 0)
    head_set(head, HEAD_X_REQUEST_ID, rules->new_id);
  if (rules->is_gateway || !head_find(head, HEAD_X_FORWARDED_PROTO))
    head_set(head, HEAD_X_FORWARDED_PROTO, STR("http"));
  if (rules->is_gateway && rules->peer.len > 0)
    head_add(head, HEAD_X_FORWARDED_FOR, rules->peer);
}

void head_rules_try(struct head *head, struct str attempt, struct str expected_timeout) {
  head_set(head, HEAD_X_ENVOY_ATTEMPT_COUNT, attempt);
  if (expected_timeout.len > 0)
    head_set(head, HEAD_X_ENVOY_EXPECTED_TIMEOUT, expected_timeout);
}

void head_rules_response(struct head *head, const struct head_rules_response *rules) {
  head_set(head, HEAD_SERVER, rules->server);
  if (!head_find(head, HEAD_DATE))
    head_add(head, HEAD_DATE, rules->date);
  if (rules->service_time.len > 0)
    head_set(head, HEAD_X_ENVOY_SERVICE_TIME, rules->service_time);
}

static void rules_put(struct head *head, const struct table_header *header, bool replaces,
                      const struct str **computed) {
  struct str value = header->format ? *(*computed)++ : header->value;
  if (header->format && value.len == 0) // as Envoy: nothing to say, nothing is changed
    return;
  if (replaces)
    head_remove_name(head, header->name);
  (void)head_add_name(head, header->name, value);
}

void head_rules_apply(struct head *head, const struct table_header_ops *ops,
                      const struct str *computed) {
  for (size_t i = 0; i < ops->remove_count; i++)
    head_remove_name(head, ops->remove[i]);
  for (size_t i = 0; i < ops->set_count; i++)
    rules_put(head, &ops->set[i], true, &computed);
  for (size_t i = 0; i < ops->add_count; i++)
    rules_put(head, &ops->add[i], ops->add[i].replaces, &computed);
}

int64_t head_rules_number(struct head *head, enum head_name id, int64_t fallback) {
  const struct head_field *field = head_find(head, id);
  int64_t value;
  return field && str_to_i64(field->value, &value) && value >= 0 ? value : fallback;
}
