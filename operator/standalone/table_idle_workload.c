// SPDX-License-Identifier: Apache-2.0
// Tables of the workloads that are only stored.
#include "manifests/base/bug.h"
#include "manifests/text/time.h"
#include "operator/standalone/table.h"
#include "operator/standalone/table_cells.h"

static struct json *stateful_ready(cell c) {
  return cell_fraction(c, cell_number_at(c, "status.readyReplicas"),
                       json_int(json_path(c->object, "spec.replicas"), 1));
}
static const struct table_column stateful_columns[] = {
    TABLE_NAME,
    {"Ready", "string", 0, stateful_ready, NULL, "Ready pods of those asked for"},
    TABLE_AGE,
    {"Containers", "string", 1, cell_names, NULL, ""},
    {"Images", "string", 1, cell_images, NULL, ""},
};

static struct json *daemon_desired(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.desiredNumberScheduled"));
}
static struct json *daemon_current(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.currentNumberScheduled"));
}
static struct json *daemon_ready(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.numberReady"));
}
static struct json *daemon_updated(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.updatedNumberScheduled"));
}
static struct json *daemon_available(cell c) {
  return json_new_int(c->arena, cell_number_at(c, "status.numberAvailable"));
}
static struct json *node_selector(cell c) {
  return cell_label_map(c, "spec.template.spec.nodeSelector");
}
static const struct table_column daemon_columns[] = {
    TABLE_NAME,
    {"Desired", "integer", 0, daemon_desired, NULL, "Nodes that should run it"},
    {"Current", "integer", 0, daemon_current, NULL, "Nodes that do"},
    {"Ready", "integer", 0, daemon_ready, NULL, "Nodes where it is ready"},
    {"Up-to-date", "integer", 0, daemon_updated, NULL, "Nodes with the newest template"},
    {"Available", "integer", 0, daemon_available, NULL, "Nodes where it is ready long enough"},
    {"Node Selector", "string", 0, node_selector, NULL, "Which nodes"},
    TABLE_AGE,
    {"Containers", "string", 1, cell_names, NULL, ""},
    {"Images", "string", 1, cell_images, NULL, ""},
    {"Selector", "string", 1, cell_selector, NULL, ""},
};

static bool has_condition(cell c, const char *type) {
  JSON_EACH(item, json_path(c->object, "status.conditions"))
    if (str_eq_z(json_get_string(item, "type"), type) &&
        str_eq_z(json_get_string(item, "status"), "True"))
      return true;
  return false;
}
static struct json *job_status(cell c) {
  static const char *const known[] = {"Complete", "Failed", "Suspended", "FailureTarget",
                                      "SuccessCriteriaMet"};
  for (size_t i = 0; i < ARRAY_LEN(known); i++) {
    if (i == 2 && json_path(c->object, "metadata.deletionTimestamp"))
      return cell_text(c, STR("Terminating"));
    if (has_condition(c, known[i]))
      return cell_text(c, str_of(known[i]));
  }
  return cell_text(c, STR("Running"));
}
static struct json *job_completions(cell c) {
  const struct json *wanted = json_path(c->object, "spec.completions");
  int64_t done = cell_number_at(c, "status.succeeded");
  int64_t parallel = cell_number_at(c, "spec.parallelism");
  if (wanted)
    return cell_fraction(c, done, json_int(wanted, 0));
  return cell_text(c, parallel > 1 ? arena_printf(c->arena, "%lld/1 of %lld", (long long)done,
                                                  (long long)parallel)
                                   : arena_printf(c->arena, "%lld/1", (long long)done));
}
static struct json *job_duration(cell c) {
  int64_t from_ms, to_ms = c->now_ms;
  if (!time_parse(json_path_string(c->object, "status.startTime"), &from_ms))
    return cell_text(c, STR(""));
  (void)time_parse(json_path_string(c->object, "status.completionTime"), &to_ms);
  return cell_text(c, table_age(c->arena, from_ms, to_ms));
}
static const struct table_column job_columns[] = {
    TABLE_NAME,
    {"Status", "string", 0, job_status, NULL, "How it goes"},
    {"Completions", "string", 0, job_completions, NULL, "Pods that ended well"},
    {"Duration", "string", 0, job_duration, NULL, "Time it took"},
    TABLE_AGE,
    {"Containers", "string", 1, cell_names, NULL, ""},
    {"Images", "string", 1, cell_images, NULL, ""},
    {"Selector", "string", 1, cell_selector, NULL, ""},
};

static struct json *cron_suspend(cell c) {
  return cell_text(c,
                   json_is_true(json_path(c->object, "spec.suspend")) ? STR("True") : STR("False"));
}
static struct json *cron_zone(cell c) {
  struct str zone = json_path_string(c->object, "spec.timeZone");
  return cell_text(c, zone.len ? zone : STR("<none>"));
}
static struct json *cron_active(cell c) {
  const struct json *active = json_path(c->object, "status.active");
  return json_new_int(c->arena, active ? (int64_t)active->count : 0);
}
static struct json *cron_last(cell c) {
  bool known = json_path(c->object, "status.lastScheduleTime") != NULL;
  return cell_text(c, known ? table_cell_age(c, "status.lastScheduleTime") : STR("<none>"));
}
#define JOB_POD "spec.jobTemplate.spec.template.spec.containers"
static struct json *cron_names(cell c) {
  return cell_joined(c, JOB_POD, "name", "");
}
static struct json *cron_images(cell c) {
  return cell_joined(c, JOB_POD, "image", "");
}
static struct json *cron_selector(cell c) {
  return cell_label_selector(c, json_path(c->object, "spec.jobTemplate.spec.selector"));
}
static const struct table_column cron_columns[] = {
    TABLE_NAME,
    {"Schedule", "string", 0, NULL, "spec.schedule", "When"},
    {"Timezone", "string", 0, cron_zone, NULL, "Whose time that is"},
    {"Suspend", "boolean", 0, cron_suspend, NULL, "Nothing starts"},
    {"Active", "integer", 0, cron_active, NULL, "Jobs that run"},
    {"Last Schedule", "string", 0, cron_last, NULL, "Time since the last start"},
    TABLE_AGE,
    {"Containers", "string", 1, cron_names, NULL, ""},
    {"Images", "string", 1, cron_images, NULL, ""},
    {"Selector", "string", 1, cron_selector, NULL, ""},
};

const struct table_kind table_idle_workload[] = {
    {"StatefulSet", stateful_columns, ARRAY_LEN(stateful_columns)},
    {"DaemonSet", daemon_columns, ARRAY_LEN(daemon_columns)},
    {"Job", job_columns, ARRAY_LEN(job_columns)},
    {"CronJob", cron_columns, ARRAY_LEN(cron_columns)},
};
const size_t table_idle_workload_count = ARRAY_LEN(table_idle_workload);
