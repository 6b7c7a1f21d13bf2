// SPDX-License-Identifier: Apache-2.0
#include "examples/load/load.h"

#include <string.h>

static const char *const end_names[LOAD_ENDS] = {"answered", "refused", "reset", "timeout",
                                                 "garbage"};

static struct load_version *version_of(struct load_report *report, const char *name) {
  for (size_t i = 0; i < LOAD_VERSIONS; i++) {
    struct load_version *version = &report->versions[i];
    if (strcmp(version->name, name) == 0 && (version->requests || !name[0]))
      return version;
    if (!version->requests && i + 1 <= LOAD_VERSIONS) {
      memcpy(version->name, name, sizeof version->name);
      return version;
    }
  }
  return &report->versions[LOAD_VERSIONS - 1];
}

void load_report_add(struct load_report *report, const struct load_answer *answer, int64_t now_ms) {
  report->sent++;
  report->ends[answer->end]++;
  report->reset_after_reuse += answer->end == LOAD_RESET && answer->reused;
  bool failed = answer->end != LOAD_ANSWERED || answer->status >= 500;
  if (failed) {
    report->last_failed_ms = now_ms;
    if (!report->first_failed_ms)
      report->first_failed_ms = now_ms;
  }
  if (answer->end != LOAD_ANSWERED)
    return;
  if (answer->status > 0 && answer->status < LOAD_STATUSES)
    report->statuses[answer->status]++;
  struct load_version *version = version_of(report, answer->version);
  version->requests++;
  version->failed += failed;
  version->last_ms = now_ms;
  if (failed && !version->first_failed_ms)
    version->first_failed_ms = now_ms;
  size_t bucket = 0;
  while (bucket + 1 < sizeof report->latency_us / sizeof report->latency_us[0] &&
         answer->took_us >= 1ll << bucket)
    bucket++;
  report->latency_us[bucket]++;
}

static int64_t earlier(int64_t a, int64_t b) {
  return !a ? b : !b ? a : a < b ? a : b;
}

void load_report_merge(struct load_report *into, const struct load_report *from) {
  into->sent += from->sent;
  into->reset_after_reuse += from->reset_after_reuse;
  into->first_failed_ms = earlier(into->first_failed_ms, from->first_failed_ms);
  if (from->last_failed_ms > into->last_failed_ms)
    into->last_failed_ms = from->last_failed_ms;
  for (size_t i = 0; i < LOAD_ENDS; i++)
    into->ends[i] += from->ends[i];
  for (size_t i = 0; i < LOAD_STATUSES; i++)
    into->statuses[i] += from->statuses[i];
  for (size_t i = 0; i < sizeof into->latency_us / sizeof into->latency_us[0]; i++)
    into->latency_us[i] += from->latency_us[i];
  for (size_t i = 0; i < LOAD_VERSIONS; i++) {
    const struct load_version *version = &from->versions[i];
    if (!version->requests)
      continue;
    struct load_version *to = version_of(into, version->name);
    to->requests += version->requests;
    to->failed += version->failed;
    to->first_failed_ms = earlier(to->first_failed_ms, version->first_failed_ms);
    if (version->last_ms > to->last_ms)
      to->last_ms = version->last_ms;
  }
}

static double quantile_ms(const struct load_report *report, double q) {
  size_t buckets = sizeof report->latency_us / sizeof report->latency_us[0];
  uint64_t total = 0, seen = 0;
  for (size_t i = 0; i < buckets; i++)
    total += report->latency_us[i];
  for (size_t i = 0; i < buckets; i++) {
    seen += report->latency_us[i];
    if (total && (double)seen >= q * (double)total)
      return (double)(1ull << i) / 1000.0;
  }
  return 0;
}

void load_report_json(const struct load_report *report, struct buf *out) {
  buf_addf(out, "{\"sent\": %llu", (unsigned long long)report->sent);
  for (size_t i = 0; i < LOAD_ENDS; i++)
    buf_addf(out, ", \"%s\": %llu", end_names[i], (unsigned long long)report->ends[i]);
  buf_addf(out, ", \"resetAfterReuse\": %llu, \"statuses\": {",
           (unsigned long long)report->reset_after_reuse);
  const char *comma = "";
  for (size_t i = 0; i < LOAD_STATUSES; i++)
    if (report->statuses[i]) {
      buf_addf(out, "%s\"%zu\": %llu", comma, i, (unsigned long long)report->statuses[i]);
      comma = ", ";
    }
  buf_add_z(out, "}, \"versions\": {");
  comma = "";
  for (size_t i = 0; i < LOAD_VERSIONS; i++) {
    const struct load_version *version = &report->versions[i];
    if (!version->requests)
      continue;
    buf_addf(out,
             "%s\"%s\": {\"requests\": %llu, \"failed\": %llu, \"firstFailedMs\": %lld, "
             "\"lastMs\": %lld}",
             comma, version->name, (unsigned long long)version->requests,
             (unsigned long long)version->failed, (long long)version->first_failed_ms,
             (long long)version->last_ms);
    comma = ", ";
  }
  buf_addf(out,
           "}, \"p50MsBelow\": %.3f, \"p99MsBelow\": %.3f, \"startedMs\": %lld, \"endedMs\": %lld, "
           "\"firstFailedMs\": %lld, \"lastFailedMs\": %lld}\n",
           quantile_ms(report, 0.5), quantile_ms(report, 0.99), (long long)report->started_ms,
           (long long)report->ended_ms, (long long)report->first_failed_ms,
           (long long)report->last_failed_ms);
}
