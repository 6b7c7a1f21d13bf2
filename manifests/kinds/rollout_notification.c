// SPDX-License-Identifier: Apache-2.0
#include "manifests/kinds/rollout_notification.h"
#include "manifests/schema/check.h"

#define VALUE(n, d)                                                                                \
  { .name = n, .doc = d }
#define NOT_GIVEN                                                                                  \
  { .name = "" }
#define END                                                                                        \
  { .name = NULL }

const struct enum_value rollout_event_values[] = {
    NOT_GIVEN,
    VALUE("paused", "It waits at a pause, by a step or by a person."),
    VALUE("holding", "The judge gives no answer, or a bad one under onFailure: hold."),
    VALUE("stalled", "Something keeps it from going on; the reason says what."),
    VALUE("rolledBack", "The canary's traffic was taken away by us."),
    VALUE("promoted", "The new version serves."),
    VALUE("aborted", "The canary's traffic was taken away by a person."),
    VALUE("failed", "No release runs, and what serves is not healthy, or the spec is invalid."),
    END,
};
const struct enum_value rollout_notification_forms[] = {
    NOT_GIVEN,
    VALUE("generic", "JSON with all numbers; signed."),
    VALUE("slack", "For an incoming webhook of Slack."),
    VALUE("teams", "An adaptive card, for a workflow of Microsoft Teams."),
    END,
};

const char *rollout_event_name(enum rollout_event event) {
  return enum_name(rollout_event_values, (int)event);
}

bool rollout_notification_wants(const struct rollout_notification *to, enum rollout_event event) {
  for (size_t i = 0; i < to->on_count; i++)
    if (enum_find(rollout_event_values, to->on[i]) == (int)event)
      return true;
  return to->on_count == 0;
}

const char *rollout_notification_url_problem(struct str url, bool allow_http) {
  bool http = str_starts(url, STR("http://")), https = str_starts(url, STR("https://"));
  struct str rest = str_slice(url, https ? 8 : 7, url.len);
  if (!http && !https)
    return "expected an address that begins with https://";
  if (http && !allow_http)
    return "http:// is not encrypted: use https://, or say allowHTTP where that is meant";
  if (!rest.len || rest.ptr[0] == '/')
    return "the address names no host";
  for (size_t i = 0; i < rest.len; i++)
    if ((unsigned char)rest.ptr[i] <= 0x20 || rest.ptr[i] == 0x7f)
      return "the address has a space or a control character";
  ptrdiff_t slash = str_find_char(rest, '/');
  if (str_find_char(slash < 0 ? rest : str_slice(rest, 0, (size_t)slash), '@') >= 0)
    return "the address must not hold a user name or a password";
  return NULL;
}

static void check_notification(const void *object, struct check *check) {
  const struct rollout_notification *to = object;
  const char *problem =
      to->url.len ? rollout_notification_url_problem(to->url, to->allow_http) : NULL;
  if (problem)
    check_error(check, "format", "url", "%s", problem);
  if (!to->url.len && !to->secret_ref)
    check_error(check, "required", "url",
                "is required, here or as the key \"url\" of the Secret in secretRef");
  if (to->form <= NOTIFICATION_GENERIC && !to->secret_ref)
    check_error(check, "required", "secretRef",
                "is required: the generic form is signed with the key \"key\" of that Secret");
  if (to->form > NOTIFICATION_GENERIC && to->url.len)
    check_warn(
        check, "secret", "url",
        "whoever knows a chat's webhook may write there: keep it in the Secret of secretRef");
  for (size_t i = 0; i < to->on_count; i++) {
    const char *near = enum_nearest(rollout_event_values, to->on[i]);
    if (!enum_find(rollout_event_values, to->on[i]))
      check_error(check, "enum", check_index(check, "on", i, ""),
                  "expected paused, holding, stalled, rolledBack, promoted, aborted or failed; "
                  "found \"%.*s\"%s%s%s",
                  STR_ARG(to->on[i]), near ? "; did you mean " : "", near ? near : "",
                  near ? "?" : "");
  }
}

#define T struct rollout_notification
static const struct field fields[] = {
    F_STRING(T, name, "name", .required = true, .not_empty = true, F_RANGE(1, 63),
             .doc = "For people, and to tell them apart."),
    F_ENUM(T, form, "form", rollout_notification_forms, .fallback = "generic",
           .doc = "What the receiver understands."),
    F_STRING(T, url, "url", F_RANGE(0, 2048),
             .doc = "https:// address. Left out: the key url of the Secret."),
    F_OPTIONAL(T, secret_ref, "secretRef", &rollout_secret_ref_schema,
               .doc =
                   "Secret with url; key, which signs the message (generic needs it); and ca.crt, "
                   "the only certificates that are trusted."),
    F_STRINGS(T, on, "on", F_RANGE(0, 16),
              .doc = "Which events: paused, holding, stalled, rolledBack, promoted, aborted, "
                     "failed. Left out: all."),
    F_BOOL(T, allow_http, "allowHTTP", .doc = "Take an http:// address: readable on its way."),
};
#undef T
static const struct schema_rule rules[] = {
    {"has(self.url) || has(self.secretRef)",
     "url is required, here or as the key url of the Secret in secretRef"},
    {"self.form != 'generic' || has(self.secretRef)",
     "secretRef is required: the generic form is signed with the key of that Secret"},
    {"!has(self.url) || self.url == '' || self.url.startsWith('https://') || "
     "(has(self.allowHTTP) && self.allowHTTP && self.url.startsWith('http://'))",
     "url: expected https://, or http:// beside allowHTTP"},
    {"!has(self.on) || self.on.all(e, e in ['paused', 'holding', 'stalled', 'rolledBack', "
     "'promoted', 'aborted', 'failed'])",
     "on: expected paused, holding, stalled, rolledBack, promoted, aborted or failed"},
};
const struct schema rollout_notification_schema =
    SCHEMA("RolloutNotification", struct rollout_notification, fields, .check = check_notification,
           S_RULES(rules));
