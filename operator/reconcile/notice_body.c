// SPDX-License-Identifier: Apache-2.0
#include "manifests/base/buf.h"
#include "manifests/base/bug.h"
#include "manifests/text/time.h"
#include "operator/reconcile/notice.h"

// Bytes. Slack refuses a section of more than 3,000 characters and a message of about 13,000; Teams
// one of more than 28 KB as it is counted there, which is about 21 KB of JSON.
#define TEXT_MAX 1500 // of one text in a chat's message
#define LABEL_MAX 100
#define FACT_MAX 250
#define GENERIC_MAX 4096 // of one text in the generic form
#define METRIC_MAX 512   // of one of a metric

struct str notice_id(const struct notice_about *about, const struct rollout_notice *notice,
                     struct arena *arena) {
  return arena_printf(arena, "%.*s-%lld", STR_ARG(about->uid), (long long)notice->number);
}

// --- words ---

static const char *words(enum rollout_event event) {
  switch (event) {
  case ROLLOUT_EVENT_PAUSED: return "is paused";
  case ROLLOUT_EVENT_HOLDING: return "holds";
  case ROLLOUT_EVENT_STALLED: return "is stalled";
  case ROLLOUT_EVENT_ROLLED_BACK: return "is rolled back";
  case ROLLOUT_EVENT_PROMOTED: return "is promoted";
  case ROLLOUT_EVENT_ABORTED: return "is aborted";
  case ROLLOUT_EVENT_FAILED: return "has failed";
  }
  return "";
}

static bool is_bad(enum rollout_event event) {
  return event != ROLLOUT_EVENT_PAUSED && event != ROLLOUT_EVENT_PROMOTED;
}

static struct str title(const struct notice_about *about, const struct rollout_notice *notice,
                        struct arena *arena) {
  return arena_printf(arena, "%.*s/%.*s: %.*s%s%s", STR_ARG(about->ns), STR_ARG(about->name),
                      STR_ARG(notice->version), notice->version.len ? " " : "",
                      words(notice->event));
}

static void add_part(struct buf *out, const char *label, struct str text) {
  if (text.len)
    (void)buf_addf(out, "%s%s%.*s", out->len ? ", " : "", label, STR_ARG(text));
}

static struct str metric_line(const struct rollout_metric_status *metric, struct arena *arena) {
  struct buf out;
  buf_init(&out, TEXT_MAX);
  add_part(&out, "canary ", metric->canary);
  add_part(&out, "stable ", metric->stable);
  add_part(&out, "limit ", metric->limit);
  if (metric->requests)
    (void)buf_addf(&out, "%s%lld requests", out.len ? ", " : "", (long long)metric->requests);
  add_part(&out, "", str_of(enum_name(rollout_verdict_values, (int)metric->verdict)));
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

struct fact {
  const char *name;
  struct str value;
};

// Name and value of everything worth a line; empty ones are left out.
static size_t facts_of(const struct rollout_notice *notice, struct arena *arena,
                       struct fact *facts) {
  const struct fact all[] = {
      {"Reason", notice->reason},
      {"Version", notice->version},
      {"Stable", notice->stable_version},
      {"Canary's weight",
       notice->weight.len ? arena_printf(arena, "%.*s %%", STR_ARG(notice->weight)) : STR_NULL},
      {"Who", notice->who}};
  size_t count = 0;
  for (size_t i = 0; i < ARRAY_LEN(all); i++)
    if (all[i].value.len)
      facts[count++] = all[i];
  for (size_t i = 0; i < notice->metrics_count; i++)
    facts[count++] = (struct fact){arena_str(arena, notice->metrics[i].name).ptr,
                                   metric_line(&notice->metrics[i], arena)};
  return count;
}
#define FACTS_MAX (5 + ROLLOUT_NOTICE_METRICS_MAX)

// --- generic ---

// At most `max` bytes, cut between characters.
static struct str cut(struct str text, size_t max) {
  if (text.len <= max)
    return text;
  while (max > 0 && ((unsigned char)text.ptr[max] & 0xc0) == 0x80)
    max--;
  return str_slice(text, 0, max);
}

static void put_cut(struct arena *arena, struct json *json, const char *key, struct str value,
                    size_t max) {
  if (value.len)
    json_put_string(arena, json, key, cut(value, max));
}

static void put(struct arena *arena, struct json *json, const char *key, struct str value) {
  put_cut(arena, json, key, value, GENERIC_MAX);
}

static struct json *metric_json(const struct rollout_metric_status *metric, struct arena *arena) {
  struct json *json = json_new_object(arena);
  put_cut(arena, json, "name", metric->name, METRIC_MAX);
  put_cut(arena, json, "canary", metric->canary, METRIC_MAX);
  put_cut(arena, json, "stable", metric->stable, METRIC_MAX);
  put_cut(arena, json, "limit", metric->limit, METRIC_MAX);
  json_put_int(arena, json, "requests", metric->requests);
  json_put_int(arena, json, "bad", metric->bad);
  put(arena, json, "verdict", str_of(enum_name(rollout_verdict_values, (int)metric->verdict)));
  put_cut(arena, json, "reason", metric->reason, METRIC_MAX);
  return json;
}

static struct json *generic(const struct notice_about *about, const struct rollout_notice *notice,
                            struct arena *arena) {
  struct json *json = json_new_object(arena);
  json_put_string(arena, json, "id", notice_id(about, notice, arena));
  json_put_z(arena, json, "type", "rollout");
  json_put_z(arena, json, "event", rollout_event_name(notice->event));
  json_put_string(arena, json, "time", time_format_ms(arena, notice->at));
  json_put_string(arena, json, "namespace", about->ns);
  json_put_string(arena, json, "rollout", about->name);
  json_put_string(arena, json, "uid", about->uid);
  put(arena, json, "release", notice->release);
  put(arena, json, "version", notice->version);
  put(arena, json, "stableVersion", notice->stable_version);
  put(arena, json, "weight", notice->weight);
  put(arena, json, "reason", notice->reason);
  put(arena, json, "message", notice->message);
  put(arena, json, "who", notice->who);
  struct json *metrics = json_put(arena, json, "metrics", json_new_array(arena));
  for (size_t i = 0; i < notice->metrics_count; i++)
    json_append(metrics, metric_json(&notice->metrics[i], arena));
  return json;
}

// --- Slack ---

// What has a meaning in the receiver's text stands for itself: no link or mention can be smuggled
// in. At most `max` bytes, cut between characters.
static struct str escaped(struct str text, size_t max, bool slack, struct arena *arena) {
  struct buf out;
  buf_init(&out, max + 16);
  for (size_t i = 0; i < text.len; i++) {
    bool begins = ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    if (begins && out.len > max - 16) {
      (void)buf_add_z(&out, "...");
      break;
    }
    char c = text.ptr[i];
    if ((unsigned char)c < 0x20 && c != '\n')
      c = ' '; // no one draws it, and JSON needs six bytes
    if (slack && c == '&')
      (void)buf_add_z(&out, "&amp;");
    else if (slack && c == '<')
      (void)buf_add_z(&out, "&lt;");
    else if (slack && c == '>')
      (void)buf_add_z(&out, "&gt;");
    else if (!slack && str_find_char(STR("[]()*_`\\"), c) >= 0)
      (void)buf_addf(&out, "\\%c", c);
    else
      (void)buf_add_char(&out, c);
  }
  struct str result = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return result;
}

static struct json *slack_text(struct str text, struct arena *arena) {
  struct json *json = json_new_object(arena);
  json_put_z(arena, json, "type", "mrkdwn");
  json_put_string(arena, json, "text", text);
  return json;
}

static struct json *slack_section(struct str text, struct arena *arena) {
  struct json *json = json_new_object(arena);
  json_put_z(arena, json, "type", "section");
  json_put(arena, json, "text", slack_text(text, arena));
  return json;
}

static struct json *slack(const struct notice_about *about, const struct rollout_notice *notice,
                          struct arena *arena) {
  struct json *json = json_new_object(arena);
  struct str head = escaped(title(about, notice, arena), TEXT_MAX, true, arena);
  struct str icon = is_bad(notice->event)                   ? STR(":red_circle:")
                    : notice->event == ROLLOUT_EVENT_PAUSED ? STR(":large_yellow_circle:")
                                                            : STR(":large_green_circle:");
  json_put_string(arena, json, "text", head); // in the notification of the phone
  struct json *blocks = json_put(arena, json, "blocks", json_new_array(arena));
  json_append(blocks, slack_section(
                          arena_printf(arena, "%.*s *%.*s*", STR_ARG(icon), STR_ARG(head)), arena));
  if (notice->message.len)
    json_append(blocks, slack_section(escaped(notice->message, TEXT_MAX, true, arena), arena));
  struct fact facts[FACTS_MAX];
  size_t count = facts_of(notice, arena, facts);
  struct buf lines;
  buf_init(&lines, TEXT_MAX + 3 * FACT_MAX);
  for (size_t i = 0; i < count && lines.len < TEXT_MAX; i++) {
    struct str name = escaped(str_of(facts[i].name), LABEL_MAX, true, arena);
    struct str value = escaped(facts[i].value, FACT_MAX, true, arena);
    (void)buf_addf(&lines, "%s*%.*s* %.*s", i ? "\n" : "", STR_ARG(name), STR_ARG(value));
  }
  if (lines.len)
    json_append(blocks, slack_section(buf_str(&lines), arena));
  buf_dispose(&lines);
  return json;
}

// --- Teams ---

static struct json *card_text(struct str text, bool is_title, const char *color,
                              struct arena *arena) {
  struct json *json = json_new_object(arena);
  json_put_z(arena, json, "type", "TextBlock");
  json_put_string(arena, json, "text", text);
  json_put_bool(arena, json, "wrap", true);
  if (is_title) {
    json_put_z(arena, json, "weight", "Bolder");
    json_put_z(arena, json, "size", "Medium");
    json_put_z(arena, json, "color", color);
  }
  return json;
}

static struct json *teams(const struct notice_about *about, const struct rollout_notice *notice,
                          struct arena *arena) {
  struct json *json = json_new_object(arena);
  json_put_z(arena, json, "type", "message");
  struct json *attachments = json_put(arena, json, "attachments", json_new_array(arena));
  struct json *attachment = json_new_object(arena);
  json_append(attachments, attachment);
  json_put_z(arena, attachment, "contentType", "application/vnd.microsoft.card.adaptive");
  struct json *card = json_put(arena, attachment, "content", json_new_object(arena));
  json_put_z(arena, card, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
  json_put_z(arena, card, "type", "AdaptiveCard");
  json_put_z(arena, card, "version", "1.4");
  struct json *body = json_put(arena, card, "body", json_new_array(arena));
  const char *color = is_bad(notice->event)                   ? "Attention"
                      : notice->event == ROLLOUT_EVENT_PAUSED ? "Warning"
                                                              : "Good";
  json_append(body, card_text(escaped(title(about, notice, arena), TEXT_MAX, false, arena), true,
                              color, arena));
  if (notice->message.len)
    json_append(body,
                card_text(escaped(notice->message, TEXT_MAX, false, arena), false, NULL, arena));
  struct json *set = json_new_object(arena);
  json_put_z(arena, set, "type", "FactSet");
  struct json *list = json_put(arena, set, "facts", json_new_array(arena));
  struct fact facts[FACTS_MAX];
  size_t count = facts_of(notice, arena, facts);
  for (size_t i = 0; i < count; i++) {
    struct json *fact = json_new_object(arena);
    json_put_string(arena, fact, "title", escaped(str_of(facts[i].name), LABEL_MAX, false, arena));
    json_put_string(arena, fact, "value", escaped(facts[i].value, FACT_MAX, false, arena));
    json_append(list, fact);
  }
  json_append(body, set);
  return json;
}

struct json *notice_body(enum rollout_notification_form form, const struct notice_about *about,
                         const struct rollout_notice *notice, struct arena *arena) {
  switch (form) {
  case NOTIFICATION_SLACK: return slack(about, notice, arena);
  case NOTIFICATION_TEAMS: return teams(about, notice, arena);
  case NOTIFICATION_GENERIC: break;
  }
  return generic(about, notice, arena);
}
