// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/shim_wait.h"
#include "manifests/base/clock.h"
#include "operator/standalone/shim_proc.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

// Its words are "serin", "shim", FOLDER, TITLE, each with a NUL behind it.
static bool is_shim_below(pid_t pid, struct str pods_dir) {
  char path[64], words[4096];
  snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
  FILE *file = fopen(path, "re");
  if (!file)
    return false;
  struct str rest = {words, fread(words, 1, sizeof words, file)}, word;
  fclose(file);
  if (!str_next(&rest, 0, &word) || !str_next(&rest, 0, &word) || !str_eq(word, STR("shim")) ||
      !str_next(&rest, 0, &word))
    return false;
  return str_starts(word, pods_dir) && word.len > pods_dir.len && word.ptr[pods_dir.len] == '/';
}

static struct proc_id find_one(struct str pods_dir) {
  struct proc_id found = {0};
  DIR *proc = opendir("/proc");
  for (struct dirent *entry; proc && !found.pid && (entry = readdir(proc));) {
    int64_t pid;
    if (str_to_i64(str_of(entry->d_name), &pid) && is_shim_below((pid_t)pid, pods_dir))
      found = proc_identify((pid_t)pid);
    if (!found.started) // a zombie: it has ended
      found.pid = 0;
  }
  if (proc)
    closedir(proc);
  return found;
}

int shim_wait_all(const char *pods_dir, int timeout_ms, struct err *err) {
  int64_t end_ms = clock_mono_ms() + timeout_ms;
  for (;;) {
    struct proc_id shim = find_one(str_of(pods_dir));
    if (!shim.pid)
      return RC_OK;
    int64_t left_ms = end_ms - clock_mono_ms();
    if (left_ms <= 0 || !proc_wait_gone(shim, (int)left_ms))
      return err_set(err, RC_TIMEOUT, "the shim with pid %d does not end", (int)shim.pid);
  }
}
