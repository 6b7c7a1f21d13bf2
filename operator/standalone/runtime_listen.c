// SPDX-License-Identifier: Apache-2.0
#include "operator/standalone/runtime_listen.h"
#include "manifests/base/map.h"
#include "operator/standalone/shim_proc.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SOCKETS_MAX 64

static bool hex(struct str text, uint64_t *ret) {
  uint64_t value = 0;
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : -1;
    if (digit < 0)
      return false;
    value = value << 4 | (uint64_t)digit;
  }
  *ret = value;
  return text.len > 0 && text.len <= 16;
}

static bool next_word(struct str *rest, struct str *ret_word) {
  *rest = str_trim(*rest);
  return rest->len > 0 && str_next(rest, ' ', ret_word) && ret_word->len > 0;
}

static enum listen_where where_v4(struct str text, struct str address) {
  uint64_t number;
  if (!hex(text, &number))
    return LISTEN_OTHER;
  if (number == 0)
    return LISTEN_ALL;
  struct in_addr in = {.s_addr = (uint32_t)number}; // printed in host order of the raw word
  char dotted[INET_ADDRSTRLEN];
  if (!inet_ntop(AF_INET, &in, dotted, sizeof dotted))
    return LISTEN_OTHER;
  if (str_eq_z(address, dotted))
    return LISTEN_POD;
  return strcmp(dotted, "127.0.0.1") == 0 ? LISTEN_LOOPBACK : LISTEN_OTHER;
}

static enum listen_where where_v6(struct str text, struct str address) {
  bool zero = true;
  for (size_t i = 0; i < text.len && zero; i++)
    zero = text.ptr[i] == '0';
  if (zero)
    return LISTEN_ALL;
  if (str_eq(text, STR("00000000000000000000000001000000")))
    return LISTEN_LOOPBACK;
  // ::ffff:a.b.c.d
  if (str_starts(text, STR("0000000000000000FFFF0000")))
    return where_v4(str_slice(text, 24, 32), address);
  return LISTEN_OTHER;
}

bool listen_parse(struct str line, bool v6, struct str address, struct listen_socket *ret_socket,
                  uint64_t *ret_inode) {
  struct str word, local = STR_NULL, state = STR_NULL, inode = STR_NULL;
  for (int i = 0; i < 10 && next_word(&line, &word); i++) {
    if (i == 1)
      local = word;
    else if (i == 3)
      state = word;
    else if (i == 9)
      inode = word;
  }
  ptrdiff_t colon = str_find_char(local, ':');
  uint64_t port;
  if (!str_eq(state, STR("0A")) || colon <= 0 || !str_to_u64(inode, ret_inode) ||
      !hex(str_slice(local, (size_t)colon + 1, local.len), &port))
    return false;
  struct str host = str_slice(local, 0, (size_t)colon);
  ret_socket->where = v6 ? where_v6(host, address) : where_v4(host, address);
  ret_socket->port = (int)port;
  return true;
}

static void add_inodes(pid_t pid, struct map *inodes) {
  char path[64], link[64];
  snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
  DIR *fds = opendir(path);
  for (struct dirent *entry; fds && (entry = readdir(fds));) {
    ssize_t len = readlinkat(dirfd(fds), entry->d_name, link, sizeof link - 1);
    struct str text = {link, len > 0 ? (size_t)len : 0};
    if (str_starts(text, STR("socket:[")))
      (void)map_put(inodes, str_slice(text, 8, text.len - 1), inodes);
  }
  if (fds)
    closedir(fds);
}

static size_t match_file(const char *path, bool v6, struct str address, const struct map *inodes,
                         struct listen_socket *sockets, size_t count) {
  FILE *file = fopen(path, "re");
  char line[512], key[32];
  while (file && count < SOCKETS_MAX && fgets(line, sizeof line, file)) {
    uint64_t inode;
    if (!listen_parse(str_of(line), v6, address, &sockets[count], &inode))
      continue;
    snprintf(key, sizeof key, "%llu", (unsigned long long)inode);
    if (map_get(inodes, str_of(key)))
      count++;
  }
  if (file)
    fclose(file);
  return count;
}

size_t listen_find(pid_t session, struct str address, struct arena *arena,
                   struct listen_socket **ret_sockets) {
  struct map inodes;
  map_init(&inodes);
  DIR *proc = opendir("/proc");
  for (struct dirent *entry; proc && (entry = readdir(proc));) {
    int64_t pid;
    if (str_to_i64(str_of(entry->d_name), &pid) && pid > 0 && getsid((pid_t)pid) == session)
      add_inodes((pid_t)pid, &inodes);
  }
  if (proc)
    closedir(proc);
  struct listen_socket *sockets = ARENA_ARRAY(arena, struct listen_socket, SOCKETS_MAX);
  size_t count = match_file("/proc/net/tcp", false, address, &inodes, sockets, 0);
  count = match_file("/proc/net/tcp6", true, address, &inodes, sockets, count);
  map_dispose(&inodes);
  *ret_sockets = sockets;
  return count;
}
