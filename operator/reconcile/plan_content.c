// SPDX-License-Identifier: Apache-2.0
// Content of ConfigMaps and Secrets as a part of a version (content.h says why): which version the
// template with its content as it is now would be, and what people are told.
#include "operator/reconcile/content.h"
#include "operator/reconcile/pass.h"

#define SECRETS_WAKE_MS (60 * 60000)

// What the wanted template takes, as it is now.
struct content_now {
  bool known;                      // all of it was read
  const struct json *pod_template; // as declared, without our mark
  struct str hash;                 // of that
  struct rollout_content *items;   // with the names of copies
  size_t count;
  struct str missing; // "ConfigMap a" does not exist and is not optional; empty: none
  const char *untracked;
  struct str untracked_message; // why something is left out that should not be
};

// --- reading ---

static const struct json *declared(const struct pass *pass) {
  const struct workload *original = original_of(pass);
  if (pass->snap->form == ROLLOUT_FORM_TEMPLATE)
    return pass->spec->pod_template;
  return original ? json_path(original->object, "spec.template") : NULL;
}

static void leave_out(struct content_now *now, const char *reason, struct str message) {
  if (now->untracked)
    return;
  now->untracked = reason;
  now->untracked_message = message;
}

static void take(struct pass *pass, struct content_now *now, const struct content_ref *ref) {
  const struct snapshot_content *is = snapshot_content_find(pass->snap, ref->kind, ref->name);
  struct rollout_content item = {.kind = ref->kind, .name = ref->name};
  if (is && is->left_out)
    return;
  switch (is ? is->state : CONTENT_UNKNOWN) {
  case CONTENT_UNKNOWN: now->known = false; return;
  case CONTENT_THERE: item.hash = is->hash; break;
  case CONTENT_DENIED:
    leave_out(now, "Forbidden",
              pass_text(pass,
                        "the operator may not read %.*s %.*s: a change of its content starts no "
                        "release",
                        STR_ARG(ref->kind), STR_ARG(ref->name)));
    return;
  case CONTENT_NO_KEY:
    leave_out(now, "NoContentKey",
              pass_text(pass,
                        "the operator has no --content-key: a change of Secret %.*s starts no "
                        "release",
                        STR_ARG(ref->name)));
    return;
  case CONTENT_ABSENT:
    item.hash = STR(CONTENT_ABSENT_HASH);
    if (!ref->optional && !now->missing.len)
      now->missing = pass_text(pass, "%.*s %.*s", STR_ARG(ref->kind), STR_ARG(ref->name));
    if (!ref->optional)
      return;
    break;
  }
  item.copy = content_copy_name(pass->snap->rollout->metadata.uid, &item, pass->arena);
  now->items[now->count++] = item;
}

// Whether a version runs the template with the content of now, as far as it is known what it runs.
static bool is_now(const struct content_now *now, struct str hash, struct str template_hash,
                   const struct rollout_content *items, size_t count) {
  if (!str_eq(template_hash.len ? template_hash : hash, now->hash))
    return false;
  for (size_t i = 0; i < now->count; i++) {
    const struct rollout_content *item =
        content_find(items, count, now->items[i].kind, now->items[i].name);
    if (item && content_hash_differs(item->hash, now->items[i].hash))
      return false;
  }
  return true;
}

// A version that was made before its content was tracked runs what there is: an upgrade of the
// operator, a right that is granted or another key start no release.
static void record(struct pass *pass, struct str hash, struct str template_hash,
                   struct rollout_content **items, size_t *count) {
  const struct content_now *now = pass->content;
  if (!is_now(now, hash, template_hash, *items, *count))
    return;
  struct rollout_content *all =
      ARENA_ARRAY(pass->arena, struct rollout_content, *count + now->count + 1);
  size_t have = *count;
  for (size_t i = 0; i < have; i++)
    all[i] = (*items)[i];
  for (size_t i = 0; i < now->count; i++) {
    const struct rollout_content *known =
        content_find(all, have, now->items[i].kind, now->items[i].name);
    if (known)
      all[known - all].hash = now->items[i].hash; // the same, or by another key
    else
      all[have++] = (struct rollout_content){
          .kind = now->items[i].kind, .name = now->items[i].name, .hash = now->items[i].hash};
  }
  *items = all;
  *count = have;
}

static void record_all(struct pass *pass) {
  struct rollout_status *status = pass->status;
  struct rollout_identity *both[] = {status->stable, status->canary};
  for (size_t i = 0; i < 2; i++)
    if (both[i])
      record(pass, both[i]->hash, both[i]->template_hash, &both[i]->content,
             &both[i]->content_count);
  if (status->failed) {
    struct rollout_failed *failed = arena_dup(pass->arena, status->failed, sizeof *failed);
    record(pass, failed->hash, failed->template_hash, &failed->content, &failed->content_count);
    status->failed = failed;
  }
}

void content_load(struct pass *pass) {
  const struct json *pod_template = declared(pass);
  if (!pod_template)
    return;
  size_t count;
  const struct content_ref *refs = snapshot_content_refs(pass->snap, pass->arena, &count);
  struct content_now *now = ARENA_NEW(pass->arena, struct content_now);
  *now =
      (struct content_now){.known = true,
                           .pod_template = content_with_mark(pod_template, STR_NULL, pass->arena),
                           .hash = snapshot_declared_hash(pod_template, pass->arena),
                           .items = ARENA_ARRAY(pass->arena, struct rollout_content, count + 1)};
  for (size_t i = 0; i < count && i < CONTENT_REFS_MAX; i++) {
    take(pass, now, &refs[i]);
    if (str_eq_z(refs[i].kind, "Secret")) // they are looked at only while plans ask for them
      pass_wake(pass, pass->now + SECRETS_WAKE_MS);
  }
  if (count > CONTENT_REFS_MAX)
    leave_out(now, "TooMany",
              pass_text(pass, "the template refers to %zu ConfigMaps and Secrets; %d are tracked",
                        count, CONTENT_REFS_MAX));
  pass->content = now;
  if (now->known)
    record_all(pass);
}

// --- which version ---

static bool is_by_name(struct pass *pass, const struct rollout_identity *identity) {
  struct rollout_identity named = {0};
  if (pass->snap->form != ROLLOUT_FORM_TEMPLATE)
    return true;
  workload_names(pass, identity->hash, &named);
  return str_eq(named.deployment, identity->deployment);
}

static void name_new(struct pass *pass, struct rollout_identity *wanted) {
  const struct content_now *now = pass->content;
  struct json *own =
      pass->snap->form == ROLLOUT_FORM_TEMPLATE
          ? content_apply(now->pod_template, now->items, now->count, pass->arena)
          : content_with_mark(now->pod_template, content_mark(now->items, now->count, pass->arena),
                              pass->arena);
  wanted->hash = now->count ? snapshot_template_hash(own, pass->arena) : now->hash;
  wanted->template_hash = now->count ? now->hash : STR_NULL;
  wanted->content = now->items;
  wanted->content_count = now->count;
}

bool content_name(struct pass *pass, struct rollout_identity *wanted) {
  const struct content_now *now = pass->content;
  const struct rollout_status *status = pass->status;
  const struct rollout_identity *both[] = {status->stable, status->canary};
  const struct rollout_failed *failed = status->failed;
  if (!now || !now->known)
    return false;
  for (size_t i = 0; i < 2; i++)
    if (both[i] && is_by_name(pass, both[i]) && content_is_of(pass, both[i])) {
      wanted->hash = both[i]->hash;
      wanted->template_hash = both[i]->template_hash;
      wanted->content = both[i]->content;
      wanted->content_count = both[i]->content_count;
      return true;
    }
  if (failed &&
      is_now(now, failed->hash, failed->template_hash, failed->content, failed->content_count)) {
    wanted->hash = failed->hash;
    wanted->template_hash = failed->template_hash;
    wanted->content = failed->content;
    wanted->content_count = failed->content_count;
    return true;
  }
  if (now->missing.len)
    return false;
  name_new(pass, wanted);
  return true;
}

bool content_is_of(const struct pass *pass, const struct rollout_identity *identity) {
  return pass->content && is_now(pass->content, identity->hash, identity->template_hash,
                                 identity->content, identity->content_count);
}

bool content_is_known(const struct pass *pass) {
  return !pass->content || pass->content->known;
}

void content_wait(struct pass *pass) {
  const struct content_now *now = pass->content;
  enum rollout_phase phase = pass->status->phase;
  if (now && now->known && now->missing.len) {
    struct str message = pass_text(pass, "%.*s does not exist", STR_ARG(now->missing));
    pass_stall(pass, "ContentMissing", message);
    pass_wait(pass, ROLLOUT_PENDING, "ContentMissing", 0,
              pass_text(pass, "%.*s to exist", STR_ARG(now->missing)));
  } else if (phase == ROLLOUT_PHASE_NONE || !rollout_phase_is_final(phase)) {
    pass_wait(pass, ROLLOUT_PENDING, "ReadingContent", 0,
              STR("the ConfigMaps and Secrets of the template to be read"));
  } // else all stays as it is for the moment
}

static void add_word(struct pass *pass, struct str *words, struct str word) {
  *words = words->len ? pass_text(pass, "%.*s, %.*s", STR_ARG(*words), STR_ARG(word)) : word;
}

struct str content_changed(struct pass *pass, const struct rollout_identity *from,
                           const struct rollout_identity *to) {
  struct str words = STR_NULL;
  for (size_t i = 0; from && i < to->content_count; i++) {
    const struct rollout_content *item = &to->content[i],
                                 *old = content_find(from->content, from->content_count, item->kind,
                                                     item->name);
    if (old && content_hash_differs(old->hash, item->hash))
      add_word(pass, &words,
               pass_text(pass, "%.*s %.*s", STR_ARG(item->kind), STR_ARG(item->name)));
  }
  struct str a = from && from->template_hash.len ? from->template_hash
                 : from                          ? from->hash
                                                 : STR_NULL;
  struct str b = to->template_hash.len ? to->template_hash : to->hash;
  return words.len && !str_eq(a, b) ? pass_text(pass, "the template, %.*s", STR_ARG(words)) : words;
}

void content_warn(struct pass *pass, const struct rollout_identity *stable,
                  const struct rollout_identity *canary) {
  struct str words = STR_NULL;
  for (size_t i = 0; stable && i < canary->content_count; i++) {
    const struct rollout_content *item = &canary->content[i],
                                 *old = content_find(stable->content, stable->content_count,
                                                     item->kind, item->name);
    if (old && !old->copy.len && content_hash_differs(old->hash, item->hash))
      add_word(pass, &words,
               pass_text(pass, "%.*s %.*s", STR_ARG(item->kind), STR_ARG(item->name)));
  }
  if (words.len)
    pass_decide(pass,
                (struct rollout_decision){
                    .warning = true,
                    .reason = STR("ContentNotKept"),
                    .measured = pass_text(pass, "%.*s changed, and pods of %.*s read it itself",
                                          STR_ARG(words), STR_ARG(stable->deployment)),
                    .next = STR("those that restart or are added get the new content, and so "
                                "do files of a volume, also after a rollback")});
}

const struct json *content_template(struct pass *pass, const struct rollout_identity *identity) {
  struct str hash = identity->template_hash.len ? identity->template_hash : identity->hash;
  if (!pass->content || !str_eq(pass->content->hash, hash))
    return NULL;
  return content_apply(pass->content->pod_template, identity->content, identity->content_count,
                       pass->arena);
}

// --- what people are told ---

static void tell(struct pass *pass, const char *reason, struct str message) {
  const struct rollout_condition *old = rollout_condition_find(pass->status, "ContentTracked");
  if (!reason) {
    if (old && old->status != ROLLOUT_TRUE)
      condition_set(pass, "ContentTracked", ROLLOUT_TRUE, "Read", STR(""));
    return;
  }
  if (!old || old->status != ROLLOUT_FALSE || !str_eq_z(old->reason, reason))
    pass_decide(pass, (struct rollout_decision){.warning = true,
                                                .reason = STR("ContentNotTracked"),
                                                .measured = message,
                                                .next = STR("all else goes on")});
  condition_set(pass, "ContentTracked", ROLLOUT_FALSE, reason, message);
}

void content_tell(struct pass *pass) {
  const struct content_now *now = pass->content;
  if (!now || !now->known)
    return;
  struct str gone = content_lost(pass);
  if (gone.len)
    tell(pass, "CopyLost", gone);
  else if (now->missing.len)
    tell(pass, "Missing", pass_text(pass, "%.*s does not exist", STR_ARG(now->missing)));
  else
    tell(pass, now->untracked, now->untracked_message);
}
