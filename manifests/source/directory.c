// SPDX-License-Identifier: Apache-2.0
// The watching of a folder: one inotify watch a folder below it; any event means reading again,
// soon.
#include "manifests/source/directory.h"
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/source/directory_set.h"
#include "manifests/source/file.h"

#include <string.h>
#include <uv.h>

#define SETTLE_MS 50      // writes that come closer together are one change
#define SETTLE_MAX_MS 500 // but a folder that is written to all the time is read, too

struct directory_watch {
  struct directory_watch *next;
  uv_fs_event_t event;
  struct directory *directory;
  char *path;
  bool wanted;
};

struct directory {
  uv_loop_t *loop;
  struct directory_set set;
  directory_fn changed;
  void *data;
  uv_timer_t settle;
  uint64_t first_event_ms; // of a change that has not settled; 0: none
  struct directory_watch *watches;
  size_t handles;
  bool closing, told_first;
  void (*closed)(void *data);
  void *closed_data;
};

static void handle_gone(struct directory *directory) {
  if (--directory->handles > 0)
    return;
  directory_set_dispose(&directory->set);
  void (*closed)(void *data) = directory->closed;
  void *data = directory->closed_data;
  xfree(directory);
  if (closed)
    closed(data);
}

static void on_watch_closed(uv_handle_t *handle) {
  struct directory_watch *watch = container_of(handle, struct directory_watch, event);
  struct directory *directory = watch->directory;
  xfree(watch->path);
  xfree(watch);
  handle_gone(directory);
}

static void on_timer_closed(uv_handle_t *handle) {
  handle_gone(container_of(handle, struct directory, settle));
}

static void on_settled(uv_timer_t *timer);

static void on_event(uv_fs_event_t *event, const char *name, int events, int status) {
  struct directory *directory = container_of(event, struct directory_watch, event)->directory;
  (void)name;
  (void)events;
  (void)status; // whatever it was, reading again tells
  uint64_t now_ms = uv_now(directory->loop);
  if (directory->closing)
    return;
  if (!directory->first_event_ms)
    directory->first_event_ms = now_ms ? now_ms : 1;
  if (now_ms - directory->first_event_ms < SETTLE_MAX_MS)
    uv_timer_start(&directory->settle, on_settled, SETTLE_MS, 0);
}

// ---- which folders are watched ----

// True when it was not watched before.
static bool watch_folder(struct directory *directory, struct str path) {
  for (struct directory_watch *watch = directory->watches; watch; watch = watch->next)
    if (str_eq_z(path, watch->path)) {
      watch->wanted = true;
      return false;
    }
  struct directory_watch *watch = XNEW(struct directory_watch);
  watch->directory = directory;
  watch->path = xstrdup(path.ptr);
  watch->wanted = true;
  watch->next = directory->watches;
  directory->watches = watch;
  uv_fs_event_init(directory->loop, &watch->event);
  directory->handles++;
  // A folder that went away meanwhile: its parent's event comes. No inotify left: only reload
  // works.
  (void)uv_fs_event_start(&watch->event, on_event, watch->path, 0);
  return true;
}

// True when one of them is new: what was written between the reading and the watching has no event.
static bool watch_folders(struct directory *directory, const struct str *folders, size_t count) {
  for (struct directory_watch *watch = directory->watches; watch; watch = watch->next)
    watch->wanted = false;
  bool any_new = false;
  for (size_t i = 0; i < count; i++)
    any_new |= watch_folder(directory, folders[i]);
  if (count == 0) { // a single file: editors replace it, so its folder is what is watched
    struct arena arena = {0};
    any_new |= watch_folder(directory, file_beside(&arena, directory->set.path, STR(".")));
    arena_dispose(&arena);
  }
  for (struct directory_watch **at = &directory->watches; *at;) {
    struct directory_watch *watch = *at;
    if (watch->wanted) {
      at = &watch->next;
      continue;
    }
    *at = watch->next;
    uv_close((uv_handle_t *)&watch->event, on_watch_closed);
  }
  return any_new;
}

// ---- reading ----

static int read_again(struct directory *directory, bool *ret_changed, struct err *err) {
  struct arena arena = {0};
  struct str *folders;
  size_t count;
  int rc = directory_set_read(&directory->set, &arena, ret_changed, &folders, &count, err);
  if (rc == RC_OK && watch_folders(directory, folders, count))
    uv_timer_start(&directory->settle, on_settled, SETTLE_MS, 0);
  arena_dispose(&arena);
  return rc;
}

static void on_settled(uv_timer_t *timer) {
  struct directory *directory = container_of(timer, struct directory, settle);
  bool changed = false;
  directory->first_event_ms = 0;
  // A folder that is gone for a moment (replaced by a tool) keeps its last snapshot in force.
  int rc = read_again(directory, &changed, NULL);
  if (rc == RC_OK && (changed || !directory->told_first)) {
    directory->told_first = true;
    directory->changed(directory, &directory->set.snapshot, directory->data);
  }
}

int directory_open(struct uv_loop_s *loop, const char *path, directory_fn changed, void *data,
                   struct directory **ret_directory, struct err *err) {
  struct directory *directory = XNEW(struct directory);
  directory->loop = loop;
  directory->changed = changed;
  directory->data = data;
  directory_set_init(&directory->set, path);
  uv_timer_init(loop, &directory->settle);
  directory->handles = 1;
  bool is_new;
  int rc = read_again(directory, &is_new, err);
  if (rc) {
    directory_close(directory, NULL, NULL);
    return rc;
  }
  uv_timer_start(&directory->settle, on_settled, 0, 0);
  *ret_directory = directory;
  return RC_OK;
}

const struct directory_snapshot *directory_snapshot(const struct directory *directory) {
  return &directory->set.snapshot;
}

void directory_reload(struct directory *directory) {
  if (!directory->closing)
    uv_timer_start(&directory->settle, on_settled, 0, 0);
}

void directory_close(struct directory *directory, void (*closed)(void *data), void *data) {
  if (!directory || directory->closing)
    return;
  directory->closing = true;
  directory->closed = closed;
  directory->closed_data = data;
  for (struct directory_watch *watch = directory->watches; watch; watch = watch->next)
    uv_close((uv_handle_t *)&watch->event, on_watch_closed);
  directory->watches = NULL;
  uv_close((uv_handle_t *)&directory->settle, on_timer_closed);
}
